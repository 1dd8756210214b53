"""What happens when somebody sends, presses or opens something."""
