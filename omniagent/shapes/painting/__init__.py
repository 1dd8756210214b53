"""What the painter and its critic learn from: changes, layouts and mixed examples, and the painter's own pictures."""
