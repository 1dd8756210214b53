"""Trace events as HTML: pure functions, without Gradio, files or clocks."""
