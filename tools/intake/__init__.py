"""What a person hands in, checked and made plain."""
