"""The command `omniagent calibrate`."""
