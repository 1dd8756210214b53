"""Models that look at pictures for one purpose: reading text, finding things."""
