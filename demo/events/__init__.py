"""What happens when a visitor sends, presses or opens something."""
