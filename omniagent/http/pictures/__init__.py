"""Pictures on their way in and out: what is read, how it is given back, and links to it."""
