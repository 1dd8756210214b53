"""OmniGen2 as diffusers pipelines, and how memory holds them."""
