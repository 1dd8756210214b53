"""What `omniagent calibrate` measured of critics: whose it is, its form, and where it is kept."""
