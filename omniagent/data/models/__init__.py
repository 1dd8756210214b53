"""The models of a recipe: which there are, how a recipe names them, and how they are loaded."""
