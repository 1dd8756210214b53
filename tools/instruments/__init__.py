"""What arithmetic tells of pictures."""
