"""Videos as stages take them: cut into shots, and frames picked from these."""
