"""What builds of training data are worth: against the truth of synthetic films, against planted faults, after kills."""
