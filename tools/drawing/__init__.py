"""Tools that draw: one batch from words, from a picture, from several, or inside a box of one."""
