"""OmniGen2 in conversation: it answers in words, or draws where its answer begins with the mark for a picture.

Unlike in the plain pipeline, the text model sees the input pictures too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from diffusers.utils.outputs import BaseOutput
from PIL import Image

from omniagent.model.errors import BadTask, setting_out_of_range
from omniagent.model.mllm.encoder import ChatEncoder
from omniagent.model.mllm.reader import ANSWER_TOKENS, DRAW_MARK, STOP_MARKS, ChatReader
from omniagent.model.pictures import Pictures
from omniagent.model.pipeline.inputs import picture_lists
from omniagent.model.pipeline.omnigen2 import OmniGen2Pipeline


@dataclass
class OmniGen2ChatOutput(BaseOutput):
    """An answer.

    Attributes:
        text: In words, without closing marks; empty where a picture was drawn.
        spoken: What the text model wrote, marks and all.
        images: Pictures, if it chose to draw.
    """

    text: str
    spoken: str
    images: Pictures | None


class OmniGen2ChatPipeline(OmniGen2Pipeline):
    """Talks about pictures and draws them; arguments as in `PipelineBase`."""

    @classmethod
    def over(cls, pipeline: OmniGen2Pipeline) -> OmniGen2ChatPipeline:
        """A conversation with the networks of a loaded pipeline, which it shares, as they lie."""
        untyped: Any = pipeline.components
        talking = cls(**untyped, profiles=pipeline.profiles)
        talking.set_progress_bar_config(disable=True)
        return talking

    def __call__(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        prompt: str,
        input_images: Sequence[Image.Image] | None = None,
        *,
        max_new_tokens: int = ANSWER_TOKENS,
        stop: Callable[[], bool] | None = None,
        **settings: Any,
    ) -> OmniGen2ChatOutput:
        """Answer one message.

        Args:
            prompt: What the person says.
            input_images: Up to five pictures, which it may call image 1, image 2, …
            max_new_tokens: 1 to 4096 tokens of an answer in words.
            stop: Asked after each token; true ends the answer there.
            **settings: Of the drawing, as in `OmniGen2Pipeline`.

        Raises:
            BadTask: the prompt is not text, or holds the mark that stands for a picture.
            BadImage: an input picture is none, or its shape is too extreme.
            BadSetting: a number lies outside its range.
        """
        if isinstance(max_new_tokens, bool) or not 1 <= max_new_tokens <= 4096:
            raise setting_out_of_range("max_new_tokens", max_new_tokens, "a whole number from 1 to 4096")
        spoken = self.answer(prompt, input_images, max_new_tokens=max_new_tokens, stop=stop)
        if spoken.startswith(DRAW_MARK):
            return OmniGen2ChatOutput("", spoken, self.draw(prompt, input_images, **settings))
        words = spoken
        for mark in STOP_MARKS:
            words = words.removesuffix(mark)
        return OmniGen2ChatOutput(words, spoken, None)

    def answer(
        self,
        prompt: str,
        input_images: Sequence[Image.Image] | None = None,
        *,
        max_new_tokens: int = ANSWER_TOKENS,
        stop: Callable[[], bool] | None = None,
    ) -> str:
        """What the text model writes, marks and all; arguments and errors as in a call."""
        reader, pictures = self._reader(), self._pictures(prompt, input_images)
        return reader.spell(reader.answer(reader.read(prompt, pictures), max_new_tokens, stop))

    def draw(
        self,
        prompt: str,
        input_images: Sequence[Image.Image] | None = None,
        negative_prompt: str = "",
        **settings: Any,
    ) -> Pictures:
        """Draw what a message asks for, whatever the text model would say; settings and errors as in a call."""
        reader, pictures = self._reader(), self._pictures(prompt, input_images)
        wanted, unwanted = reader.states(reader.read(prompt, pictures)), reader.states(reader.read(negative_prompt))
        drawn = super().__call__(
            prompt_embeds=wanted.embeds,
            prompt_attention_mask=wanted.mask,
            negative_prompt_embeds=unwanted.embeds,
            negative_prompt_attention_mask=unwanted.mask,
            input_images=pictures,
            **settings,
        )
        return drawn[0] if isinstance(drawn, tuple) else drawn.images

    def _pictures(self, prompt: object, input_images: Sequence[Image.Image] | None) -> list[Image.Image]:
        if not isinstance(prompt, str):
            raise BadTask(f"the prompt is {type(prompt).__name__} {prompt!r:.80}; give text")
        return picture_lists(input_images, 1)[0]

    def _reader(self) -> ChatReader:
        return ChatReader(self.mllm, ChatEncoder.of(self.processor))
