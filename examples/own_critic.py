"""A critic of your own: any object with a profile, yes/no probabilities and texts. This one measures colours.

python examples/own_critic.py
"""

import numpy as np
from PIL import Image

from omniagent import Agent, Completion, CriticProfile, Questions, Writing, YesNo


class ColourCritic:
    """Says yes when more than a tenth of the picture is red."""

    backend, model, profile = "scripted", "colour meter", CriticProfile()

    def yes_no(self, call: Questions, *, token: object = None) -> YesNo:
        picture = next(part for part in call.prompt.parts if isinstance(part, Image.Image))
        red, green, blue = np.asarray(picture.convert("RGB"), dtype=float).transpose(2, 0, 1)
        share = float(((red > 150) & (green < 90) & (blue < 90)).mean())
        return YesNo(probabilities=tuple(0.95 if share > 0.02 else 0.05 for _ in call.questions))

    def write(self, call: Writing, *, token: object = None) -> Completion:
        return Completion(text='{"checklist": [{"kind": "attribute", "question": "Is something red?"}]}')


if __name__ == "__main__":
    from omniagent.config import bundled_checkpoint
    from omniagent.model.loading import load_generator

    agent = Agent(generator=load_generator(bundled_checkpoint()), critic=ColourCritic())
    result = agent.run("draw on a white background: large red circle at h h")
    print(result.stop_reason, result.image_path)
