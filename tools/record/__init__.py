"""What a run leaves behind: trace, pictures, attempts as files."""
