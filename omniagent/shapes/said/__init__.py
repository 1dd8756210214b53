"""Tasks of the shapes world in other people's words: sentence frames filled with synonyms, and their truth."""
