"""Where a critic of this dialect locates things."""
