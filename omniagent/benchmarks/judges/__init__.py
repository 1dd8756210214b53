"""Who judges: models behind URLs, detectors, oracles."""
