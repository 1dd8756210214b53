"""The chat text a Qwen2.5-VL sees for a `Prompt`; the processor's chat template gives the same on a server."""

from PIL import Image

from omniagent.model.requests import Prompt

IMAGE_SLOT = "<|vision_start|><|image_pad|><|vision_end|>"
CHAT_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}{% for part in message['content'] %}"
    "{% if part['type'] in ('image', 'image_url') %}" + IMAGE_SLOT + "{% elif 'text' in part %}{{ part['text'] }}"
    "{% endif %}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

ANSWER_TURN = "<|im_end|>\n<|im_start|>assistant\n"
"""The end of the user turn and the assistant's header."""


def open_chat(prompt: Prompt) -> str:
    """System turn and user turn with one image slot for each picture, so far that more words may follow."""
    user = "".join(IMAGE_SLOT if isinstance(part, Image.Image) else part for part in prompt.parts)
    return f"<|im_start|>system\n{prompt.system}<|im_end|>\n<|im_start|>user\n{user}"


def chat_text(prompt: Prompt) -> str:
    """The whole chat up to where an answer begins."""
    return open_chat(prompt) + ANSWER_TURN
