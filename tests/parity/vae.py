"""Kind `vae`: posterior, normalised latents and decoded pictures."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from PIL import Image

from omniagent.model.pictures import Size, preprocess
from omniagent.model.pipeline.vae import decode_latents, encode_picture
from tests.parity.compare import Difference, difference
from tests.parity.golden import Case


@torch.no_grad()
def check(case: Case) -> Iterator[Difference]:
    tensors, vae = case.tensors, case.vae()
    pixels = tensors["pixel_input"]
    picture = Image.fromarray(tensors["image_uint8"].numpy())
    posterior = vae.encode(pixels).latent_dist
    sample = posterior.mean + posterior.std * tensors["eps"]
    normalised = (sample - (vae.config["shift_factor"] or 0.0)) * vae.config["scaling_factor"]
    found = {
        "pixel_input": preprocess(picture, Size(picture.height, picture.width)),
        "posterior_mean": posterior.mean,
        "posterior_logvar": posterior.logvar,
        "posterior_std": posterior.std,
        "sample": sample,
        "sample_normalised": normalised,
        "mean_normalised": encode_picture(vae, pixels, None),
        "decode_output": decode_latents(vae, tensors["decode_input_normalised"]),
        "reconstruction": decode_latents(vae, tensors["sample_normalised"]),
    }
    for name, mine in found.items():
        yield difference(name, mine, tensors[name], **case.tolerance)
