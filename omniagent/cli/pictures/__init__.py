"""Commands that look at pictures."""
