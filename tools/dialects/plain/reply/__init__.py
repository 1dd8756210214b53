"""What a critic of any making wrote, read with patience."""
