"""What generator and critic learn from: changes, layouts and mixed examples, and the generator's own pictures."""
