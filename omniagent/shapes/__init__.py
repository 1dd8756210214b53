"""The shapes world: the domain of the bundled checkpoint, its oracle and its training data."""
