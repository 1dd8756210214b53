"""What the Qwen2.5-VL is given, and what is read from it."""
