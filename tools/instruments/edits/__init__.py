"""What an edit changed and what it kept, told by the pixels of the given picture and the new one."""
