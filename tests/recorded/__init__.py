"""What the bundled checkpoint is asked, and what it does: recorded once, compared ever after."""
