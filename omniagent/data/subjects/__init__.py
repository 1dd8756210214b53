"""In-context records: subjects found, followed, set on new backgrounds, judged and described."""
