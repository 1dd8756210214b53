"""Commands that train, beside `omniagent train` itself."""
