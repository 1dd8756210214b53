"""Who may ask, how often, and how a refusal is told."""
