"""The shapes world: scenes, pictures of them, what can be read in one."""
