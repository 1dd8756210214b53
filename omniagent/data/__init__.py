"""Training data: recipes of stages that turn sources into records in the published format."""
