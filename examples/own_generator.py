"""A generator of your own: anything that makes a picture from a request, here with Pillow alone.

python examples/own_generator.py
"""

from PIL import Image, ImageDraw

from omniagent import Agent, GenerationRequest, GeneratorProfile, ScriptedCritic


class PosterGenerator:
    """Writes the instruction on a card, one card for each seed."""

    model = "poster"
    profile = GeneratorProfile(name="poster", width=512, height=256, steps=1)

    def generate(
        self, request: GenerationRequest, *, token: object = None, on_step: object = None
    ) -> list[Image.Image]:
        size = (request.width or self.profile.width, request.height or self.profile.height)
        cards: list[Image.Image] = []
        for seed in request.seeds:
            card = Image.new("RGB", size, ("white", "ivory", "azure")[seed % 3])
            ImageDraw.Draw(card).text((16, size[1] // 2), request.instruction, fill="black")
            cards.append(card)
        return cards


if __name__ == "__main__":
    critic = ScriptedCritic(texts=lambda prompt, schema: "1. Does the card say hello?")
    result = Agent(generator=PosterGenerator(), critic=critic).run("hello, world")
    print(result.stop_reason, result.image_path)
