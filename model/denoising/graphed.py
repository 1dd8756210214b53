"""A velocity field whose steps are recorded at their first call and replayed from then on."""

from __future__ import annotations

import logging
from collections.abc import Hashable, Sequence
from typing import Any

import torch

from omniagent.model.denoising.graphs import LEAST_STEPS, MOST_TOKENS, StepGraphs, copy_all
from omniagent.model.denoising.guidance import Branch, Pass
from omniagent.model.denoising.step import Reference, VelocityField
from omniagent.model.network.eight_bits import multiplies_in_eight_bits
from omniagent.model.network.hooks import hooked
from omniagent.model.network.switches import other_attention, placeless, switches

log = logging.getLogger("omniagent.model")


class Twin(VelocityField):
    """A field of the same sizes as another whose tensors are memory to be filled.

    Args:
        of: Whose present pictures it is made for.
        latents: (B, C, h, w).
        passes: Of the step.

    Attributes:
        step_layers: Tokens that go through a block at a step, each counted once a block.
    """

    def __init__(self, of: VelocityField, latents: torch.Tensor, passes: Sequence[Pass]) -> None:
        texts = {positive: of._states(positive).select(of._samples) for positive in {each.positive for each in passes}}
        own = {reference.key: reference.latent.clone() for reference in of._present()}
        references = [[own[reference.key] for reference in of._references[sample]] for sample in of._samples]
        text = texts.get(True) or texts[False]
        super().__init__(
            of._net, of._times[:1], (latents.size(-2), latents.size(-1)), text, texts.get(False), references,
            computation=of._how,
        )  # fmt: skip
        self._latents, self._passes = latents.clone(), tuple(passes)
        self.step_layers = 0

    @property
    def device(self) -> torch.device:
        """Where its memory is."""
        return self._latents.device

    def work(self) -> tuple[torch.Tensor, ...]:
        """The velocities of what is in the memory."""
        before = self.token_layers
        found = self.at(0, self._latents, self._passes)
        self.step_layers = self.token_layers - before
        return found

    def fill(self, of: VelocityField, step: int, latents: torch.Tensor, *, constants: bool) -> None:
        """Copy the inputs of a step here; with `constants` also those that no step changes."""
        into, values = [self._latents, *self._blocks.modulation(0)], [latents, *of._blocks.modulation(step)]
        if constants:
            for positive in {each.positive for each in self._passes}:
                into.append(self._states(positive).hidden)
                values.append(of._states(positive).select(of._samples).hidden)
            into += [reference.latent for reference in self._present()]
            values += [reference.latent for reference in of._present()]
        copy_all(into, values)

    def _embed(self, reference: Reference) -> torch.Tensor:
        # Embedded in every step: what is kept would be that of the request that the memory was made for.
        self._embedded.clear()
        return super()._embed(reference)


class GraphedField(VelocityField):
    """A `VelocityField` that replays its steps where that is possible; arguments and errors as there.

    Args:
        *args: As there.
        graphs: Where recordings are kept, also of other requests.
        **settings: As there.

    Attributes:
        refusal: Why no step is recorded; None where steps are, unless there are too many tokens at one.
    """

    def __init__(self, *args: Any, graphs: StepGraphs[Twin], **settings: Any) -> None:
        super().__init__(*args, **settings)
        self._graphs, self._holder = graphs, object()
        self.refusal = self._refusal() or self._passing_refusal()
        self._weights = None
        if self.refusal is None:
            self._weights = tuple(each.data_ptr() for each in (*self._net.parameters(), *self._net.buffers()))
        else:
            log.debug("steps are not recorded: %s", self.refusal)

    def at(self, step: int, latents: torch.Tensor, passes: Sequence[Pass]) -> tuple[torch.Tensor, ...]:
        """As there; equal to the last bit."""
        refused = self.refusal or self._passing_refusal()
        if refused is not None or self._tokens(passes) > MOST_TOKENS:
            return super().at(step, latents, passes)
        with self._graphs.using():
            key = self._key(latents, passes)
            recording = self._graphs.find(key, self._weights, lambda: Twin(self, latents, passes))
            if recording is not None:
                constants = recording.holder is not self._holder
                # Should filling fail midway, the memory holds no request's numbers.
                recording.holder = None
                recording.inputs.fill(self, step, latents, constants=constants)
                recording.holder = self._holder
                self._blocks.token_layers += recording.inputs.step_layers
                return recording.replay()
        # Trying again at every step would take longer than the steps.
        self.refusal = "a step could not be recorded, as the log tells"
        return super().at(step, latents, passes)

    def keep(self, rows: Sequence[int]) -> None:
        """As there."""
        super().keep(rows)
        # The memory of recordings holds the texts and references of the pictures there were.
        self._holder = object()

    def _key(self, latents: torch.Tensor, passes: Sequence[Pass]) -> Hashable:
        """All that a recording depends on but numbers."""
        branches = [Branch(each, sample) for each in passes for sample in self._samples]
        texts = tuple(self._text(each.guidance).lengths[each.sample] for each in branches)
        numbers = {reference.key: number for number, reference in enumerate(self._present())}
        pictures = tuple(
            tuple((numbers[reference.key], reference.place, reference.grid) for reference in self._references[sample])
            for sample in self._samples
        )
        sizes = latents.shape, latents.dtype, self._dtype, self._device
        return *sizes, self._how, tuple(passes), texts, pictures, switches(self._net)

    def _refusal(self) -> str | None:
        how = self._how
        if self._device.type != "cuda" and not self._graphs.records_anywhere:
            return f"numbers are computed on {self._device}, and only CUDA devices record"
        if not (how.tabled_modulation and how.tabled_rotation and how.cached_text):
            return "tabled_modulation, tabled_rotation or cached_text is off, so a step brings numbers from the host"
        if (kind := placeless(self._net)) is not None:
            return f"a weight is a {kind}, which does not tell where its numbers are"
        if multiplies_in_eight_bits(self._net) and not self._graphs.eight_bits:
            return "recorded products in eight bits have not been measured on a card yet"
        if hooked(self._net):
            return "hooks hang on the transformer, as where its weights lie elsewhere between calls"
        if getattr(self._net, "peft_config", None):
            return "LoRAs are loaded, whose strengths a recording would not follow"
        if len(self._times) < LEAST_STEPS:
            return f"there are {len(self._times)} steps, and recording pays from {LEAST_STEPS} on"
        return None

    def _passing_refusal(self) -> str | None:
        """What may come and go between steps."""
        if torch.is_autocast_enabled(self._device.type):
            return "autocast is on, whose narrowed weights go when its block ends"
        if (name := other_attention(self._net)) is not None:
            return f"attention is run by a {name}, which may do something else at each step"
        return None
