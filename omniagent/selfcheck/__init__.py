"""A check of this machine with its models: what is asked, what came of it, and one page that shows it."""
