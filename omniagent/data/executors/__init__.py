"""Who does the work of a build: this process, processes beside it, or a Ray cluster. All give the same bytes."""
