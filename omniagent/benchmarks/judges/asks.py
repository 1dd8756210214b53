"""What a vision model is asked about a picture, and what its answer says."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any, NamedTuple


class Ask(NamedTuple):
    """One question about a picture: words first, then pictures, as the official scripts send them.

    Attributes:
        name: Which of the picture's questions.
        words: The whole of the words.
        pictures: Files as they are sent.
        kind: Of the files: `jpeg` or `png`.
        tokens: Most tokens of the answer.
    """

    name: str
    words: str
    pictures: tuple[bytes, ...]
    kind: str = "jpeg"
    tokens: int = 1400

    @property
    def prompt(self) -> str:
        """SHA-256 of the words and pictures."""
        told = [self.words, *(hashlib.sha256(each).hexdigest() for each in self.pictures)]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """As a chat has it."""
        content: list[dict[str, Any]] = [{"type": "text", "text": self.words}]
        for file in self.pictures:
            url = f"data:image/{self.kind};base64,{base64.b64encode(file).decode()}"
            content.append({"type": "image_url", "image_url": {"url": url}})
        return [{"role": "user", "content": content}]


class Read(NamedTuple):
    """What an answer says: parts of the score by name, and the judge's reason."""

    scores: Mapping[str, float]
    reason: str = ""
