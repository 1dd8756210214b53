"""Measuring a critic: pictures whose truth is known, its error rates by kind and instrument, and what follows."""
