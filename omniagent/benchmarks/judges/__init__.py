"""Judges: models behind URLs, detectors, oracles."""
