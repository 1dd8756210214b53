"""Gradio, imported with care; rendering and state do without it."""

from omniagent.model.http.proxies import no_proxies

# Gradio makes an HTTP client as it is imported, which some proxy settings of the environment would not survive.
with no_proxies():
    import gradio as gr
    from gradio.themes import Soft

__all__ = ["Soft", "gr"]
