"""How scenes and wishes are put into words."""
