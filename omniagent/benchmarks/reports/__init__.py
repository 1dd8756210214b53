"""What a run showed: figures, Markdown, JSON, and one page."""
