"""Floor 2: typed tools over the models, and the words, prompts, picture store and trace that they share."""
