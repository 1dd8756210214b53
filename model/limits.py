"""Ranges that several modules hold callers to, each defined here alone."""

from typing import Final

MAX_REFERENCES: Final = 5
"""Reference pictures of one request: the rows of the transformer's image index embedding."""

MAX_BATCH: Final = 64
"""Pictures of one call, prompts times pictures a prompt."""

MIN_SIDE: Final = 16
"""Pixels, one token's side."""

MAX_SIDE: Final = 4096
"""Pixels."""

MAX_STEPS: Final = 1000
"""Sampling steps."""

MAX_GUIDANCE: Final = 100.0
"""Of text and image guidance."""

MAX_SEED: Final = 2**63 - 1
