"""How the bundled checkpoint is trained."""
