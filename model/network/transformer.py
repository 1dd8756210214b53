"""OmniGen2's diffusion transformer (arXiv 2506.18871), loadable from published checkpoints unchanged.

Text, reference latents and noise latents are embedded and refined apart, joined into one sequence per sample, and
turned into a velocity (data minus noise; time 0 is noise, 1 is data) for the noise latents.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.loaders.peft import PeftAdapterMixin
from diffusers.models.cache_utils import CacheMixin
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.models.modeling_utils import ModelMixin
from diffusers.utils.accelerate_utils import apply_forward_hook
from diffusers.utils.peft_utils import apply_lora_scale
from torch import nn

from omniagent.model.errors import BadSetting
from omniagent.model.files.saving import plain, staged
from omniagent.model.limits import MAX_REFERENCES
from omniagent.model.network.blocks import FinalProjection, ModulatedNorm, OmniGen2Block
from omniagent.model.network.config import check_reference_count, check_sizes, three_axes
from omniagent.model.network.embeddings import TimeCaptionEmbedding, pad_tokens, patchify, unpatchify
from omniagent.model.network.padded import Grid, Stream, TokenLayout, build_layout, build_stream
from omniagent.model.network.rope import OmniRope, text_positions
from omniagent.model.network.text_states import TextStates, text_lengths

Latents = torch.Tensor | Sequence[torch.Tensor]
References = Sequence[Sequence[torch.Tensor] | None]
T = TypeVar("T")


class OmniGen2Transformer2DModel(ModelMixin, ConfigMixin, PeftAdapterMixin, CacheMixin):
    """The OmniGen2 transformer. Config fields and parameter names are those of the published checkpoint.

    Args:
        patch_size: Side of a patch in latent pixels.
        in_channels: Channels of a latent.
        out_channels: Channels of the velocity; None means `in_channels`.
        hidden_size: Width H; divisible by `num_attention_heads`.
        num_layers: Joint blocks.
        num_refiner_layers: Blocks in each of the three refiners.
        num_attention_heads: Query heads.
        num_kv_heads: Key/value heads; divides `num_attention_heads`.
        multiple_of: The feed-forward size is rounded up to a multiple of this.
        ffn_dim_multiplier: Factor on the feed-forward size 4·H; None means 1.
        norm_eps: Epsilon of the blocks' and the caption's norms.
        axes_dim_rope: Channels of a head turned by sequence, row and column; their sum is the head dimension.
        axes_lens: Number of positions of each axis.
        text_feat_dim: Width of the text model's states.
        timestep_scale: What times in [0, 1] are multiplied with.

    Raises:
        BadSetting: the sizes contradict each other.
    """

    _supports_gradient_checkpointing = True
    _no_split_modules = ["OmniGen2Block"]  # noqa: RUF012
    _repeated_blocks = ["OmniGen2Block"]  # noqa: RUF012
    _skip_layerwise_casting_patterns = ["x_embedder", "ref_image_patch_embedder", "time_caption_embed", "norm"]  # noqa: RUF012

    @register_to_config
    def __init__(
        self,
        patch_size: int = 2,
        in_channels: int = 16,
        out_channels: int | None = None,
        hidden_size: int = 2520,
        num_layers: int = 32,
        num_refiner_layers: int = 2,
        num_attention_heads: int = 21,
        num_kv_heads: int = 7,
        multiple_of: int = 256,
        ffn_dim_multiplier: float | None = None,
        norm_eps: float = 1e-5,
        axes_dim_rope: tuple[int, int, int] = (40, 40, 40),
        axes_lens: tuple[int, int, int] = (1024, 1664, 1664),
        text_feat_dim: int = 2048,
        timestep_scale: float = 1000.0,
    ) -> None:
        super().__init__()
        check_sizes(hidden_size, num_attention_heads, num_kv_heads, axes_dim_rope)
        self.patch_size, self.in_channels = patch_size, in_channels
        self.out_channels = out_channels or in_channels
        self.gradient_checkpointing = False
        self.rope = OmniRope(three_axes(axes_dim_rope), three_axes(axes_lens))
        time_dim, patch_dim = min(hidden_size, 1024), patch_size * patch_size * in_channels

        def blocks(count: int, modulated: bool) -> nn.ModuleList:
            sizes = (hidden_size, num_attention_heads, num_kv_heads, multiple_of, ffn_dim_multiplier, norm_eps)
            return nn.ModuleList(OmniGen2Block(*sizes, time_dim if modulated else None) for _ in range(count))

        self.x_embedder = nn.Linear(patch_dim, hidden_size)
        self.ref_image_patch_embedder = nn.Linear(patch_dim, hidden_size)
        self.image_index_embedding = nn.Parameter(torch.empty(MAX_REFERENCES, hidden_size))
        self.time_caption_embed = TimeCaptionEmbedding(hidden_size, text_feat_dim, norm_eps, timestep_scale)
        self.noise_refiner = blocks(num_refiner_layers, True)
        self.ref_image_refiner = blocks(num_refiner_layers, True)
        self.context_refiner = blocks(num_refiner_layers, False)
        self.layers = blocks(num_layers, True)
        self.norm_out = FinalProjection(hidden_size, time_dim, patch_size * patch_size * self.out_channels)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set the weights for training from nothing: modulated blocks start as identities, the output as zero.

        The scheme is adaLN-Zero (arXiv 2212.09748, section 3.2).
        """
        for name, weight in self.named_parameters():
            if name.endswith(".bias"):
                nn.init.zeros_(weight)
            elif weight.ndim == 2:
                nn.init.xavier_uniform_(weight)
        for module in self.modules():
            if isinstance(module, ModulatedNorm):
                nn.init.zeros_(module.linear.weight)
        for linear in (self.norm_out.linear_1, self.norm_out.linear_2):
            nn.init.zeros_(linear.weight)
        nn.init.normal_(self.image_index_embedding, std=0.02)

    def save_pretrained(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, save_directory: str | Path, *args: Any, fuse_loras: bool = False, **settings: Any
    ) -> None:
        """Write the weights as `diffusers.ModelMixin` does, whatever was put onto the network.

        Args:
            save_directory: Where to; its files are replaced when all of the new ones are written.
            *args: As diffusers takes them.
            fuse_loras: False leaves out the LoRAs that are loaded; True adds those in force to the weights.
            **settings: As diffusers takes them.

        Raises:
            BadSetting: the weights cannot be had or would not load again.
        """
        bare = plain(self, "the transformer", fuse_loras=fuse_loras)
        with staged(Path(save_directory)) as stage:
            super(OmniGen2Transformer2DModel, bare).save_pretrained(str(stage), *args, **settings)

    @apply_forward_hook
    @apply_lora_scale("attention_kwargs")
    def run(self, work: Callable[[], T], attention_kwargs: dict[str, Any] | None = None) -> T:
        """Do work that calls parts of this network: with its weights on their device and its LoRA layers in force.

        Args:
            work: Is called once.
            attention_kwargs: `scale` is the strength of loaded LoRA layers.
        """
        return work()

    @apply_forward_hook
    @apply_lora_scale("attention_kwargs")
    def encode_text(
        self,
        text_hidden_states: torch.Tensor,
        mask: torch.Tensor | None = None,
        attention_kwargs: dict[str, Any] | None = None,
    ) -> TextStates:
        """Embed and refine text; independent of time and pictures, so once per prompt is enough.

        Args:
            text_hidden_states: (B, L, text_feat_dim) states of the text model.
            mask: (B, L), true or 1 where there is a token, padded on the right; None means no padding.
            attention_kwargs: `scale` is the strength of loaded LoRA layers.

        Raises:
            BadSetting: shapes don't fit this model, a text is empty, or the mask isn't right-padded.
        """
        return self._encode_text(text_hidden_states, mask)

    def _encode_text(self, text_hidden_states: torch.Tensor, mask: torch.Tensor | None) -> TextStates:
        width = self.config["text_feat_dim"]
        if text_hidden_states.ndim != 3 or text_hidden_states.size(-1) != width:
            raise BadSetting(f"text states have shape {tuple(text_hidden_states.shape)}; give (batch, length, {width})")
        lengths = text_lengths(text_hidden_states, mask)
        states = text_hidden_states[:, : max(lengths)].to(self.dtype)
        hidden = self.time_caption_embed.embed_text(states)
        stream = build_stream(self.rope, [text_positions(length) for length in lengths], hidden.device)
        return TextStates(self._run(self.context_refiner, hidden, stream), lengths)

    def plan(
        self,
        text_lengths: Sequence[int],
        latent_sizes: Sequence[tuple[int, int]],
        reference_sizes: Sequence[Sequence[tuple[int, int]] | None] | None = None,
        device: torch.device | str = "cpu",
    ) -> TokenLayout:
        """Plan the tokens of a batch; pass the plan to every `forward` with the same sizes.

        Args:
            text_lengths: Text tokens of each sample.
            latent_sizes: (height, width) of each sample's noise latent, in latent pixels.
            reference_sizes: The same for each sample's references.
            device: Where the transformer runs.

        Raises:
            BadSetting: a size is not a positive multiple of the patch, or more than five references, or too long.
        """
        references = [sizes or () for sizes in reference_sizes or [None] * len(latent_sizes)]
        if not len(text_lengths) == len(latent_sizes) == len(references):
            raise BadSetting(
                f"{len(latent_sizes)} latents, {len(text_lengths)} texts and {len(references)} reference lists were "
                "given; give one text and one reference list (or None) for each latent"
            )
        check_reference_count(references)
        grids = [[self.grid(size) for size in sizes] for sizes in references]
        return build_layout(self.rope, text_lengths, grids, [self.grid(size) for size in latent_sizes], device)

    @apply_lora_scale("attention_kwargs")
    def forward(
        self,
        hidden_states: Latents,
        timestep: torch.Tensor,
        text_hidden_states: torch.Tensor | TextStates,
        text_attention_mask: torch.Tensor | None = None,
        ref_image_hidden_states: References | None = None,
        layout: TokenLayout | None = None,
        attention_kwargs: dict[str, Any] | None = None,
        return_dict: bool = True,
    ) -> Transformer2DModelOutput | tuple[Latents]:
        """Predict the velocity of noise latents.

        Args:
            hidden_states: (B, C, h, w) noise latents, or a list of B latents (C, h, w) of any sizes.
            timestep: (B,) times in [0, 1]; 0 is noise.
            text_hidden_states: (B, L, text_feat_dim) text states, or what `encode_text` made of them.
            text_attention_mask: (B, L) mask of the text states; not used with encoded text.
            ref_image_hidden_states: For each sample a list of 0 to 5 reference latents (C, h, w), or None.
            layout: What `plan` returned for these sizes; None plans anew.
            attention_kwargs: `scale` is the strength of loaded LoRA layers.
            return_dict: False returns a plain tuple.

        Returns:
            The velocity as `sample`: a tensor for a tensor, a list for a list, in the precision given.

        Raises:
            BadSetting: shapes don't fit this model or each other.
        """
        text = text_hidden_states
        if not isinstance(text, TextStates):
            text = self._encode_text(text, text_attention_mask)
        references = [list(each or ()) for each in ref_image_hidden_states or [None] * len(hidden_states)]
        self.check_latents([*hidden_states, *(latent for each in references for latent in each)])
        if layout is None:
            sizes = [_size(latent) for latent in hidden_states]
            reference_sizes = [[_size(latent) for latent in each] for each in references]
            layout = self.plan(text.lengths, sizes, reference_sizes, hidden_states[0].device)

        given, dtype = hidden_states[0].dtype, self.dtype
        temb = self.time_caption_embed.embed_time(timestep, dtype)
        noise = self.refine_noise(hidden_states, temb, layout)
        refined = self.refine_references([latent for each in references for latent in each], temb, layout)
        joint = self._run(self.layers, layout.join(text.hidden.to(dtype), refined, noise), layout.joint, temb)
        patches = self.norm_out(layout.split_noise(joint), temb).to(given)
        velocity = self._unpatchify(patches, layout, as_list=not isinstance(hidden_states, torch.Tensor))
        return Transformer2DModelOutput(sample=velocity) if return_dict else (velocity,)  # pyright: ignore[reportArgumentType]

    def refine_noise(self, latents: Latents, temb: torch.Tensor, layout: TokenLayout) -> torch.Tensor:
        """Embed and refine noise latents to (B, longest, H)."""
        embedded = self.x_embedder(self._tokens(latents, temb.dtype)).to(temb.dtype)
        return self._run(self.noise_refiner, embedded, layout.noise, temb)

    def refine_references(
        self, latents: Sequence[torch.Tensor], temb: torch.Tensor, layout: TokenLayout
    ) -> torch.Tensor | None:
        """Embed and refine all N reference latents of a batch, each by itself, to (N, longest, H)."""
        if layout.reference is None or layout.reference_owner is None or layout.reference_slot is None:
            return None
        embedded = self.ref_image_patch_embedder(self._tokens(latents, temb.dtype)).to(temb.dtype)
        index = self.image_index_embedding.to(temb.dtype)[layout.reference_slot].unsqueeze(1)
        return self._run(self.ref_image_refiner, embedded + index, layout.reference, temb[layout.reference_owner])

    def _run(
        self, blocks: nn.ModuleList, x: torch.Tensor, stream: Stream, temb: torch.Tensor | None = None
    ) -> torch.Tensor:
        checkpoint: Any = self._gradient_checkpointing_func
        for block in blocks:
            if torch.is_grad_enabled() and self.gradient_checkpointing:
                x = checkpoint(block, x, stream, temb)
            else:
                x = block(x, stream, temb)
        return x

    def _tokens(self, latents: Latents, dtype: torch.dtype) -> torch.Tensor:
        if isinstance(latents, torch.Tensor):
            return patchify(latents.to(dtype), self.patch_size)
        if len({latent.shape for latent in latents}) == 1:
            return patchify(torch.stack(list(latents)).to(dtype), self.patch_size)
        return pad_tokens([patchify(latent.to(dtype), self.patch_size) for latent in latents])

    def _unpatchify(self, patches: torch.Tensor, layout: TokenLayout, *, as_list: bool) -> Latents:
        if not as_list:
            return unpatchify(patches, *layout.noise_grids[0], self.patch_size)
        return [
            unpatchify(row[: grid.tokens], *grid, self.patch_size)
            for row, grid in zip(patches, layout.noise_grids, strict=True)
        ]

    def grid(self, size: tuple[int, int]) -> Grid:
        """Patches of a latent of `size` (height, width).

        Raises:
            BadSetting: it does not divide into patches.
        """
        height, width = size
        if height < 1 or width < 1 or height % self.patch_size or width % self.patch_size:
            raise BadSetting(
                f"a latent of {height}x{width} does not divide into patches; "
                f"give positive multiples of {self.patch_size}"
            )
        return Grid(height // self.patch_size, width // self.patch_size)

    def check_latents(self, latents: Sequence[torch.Tensor]) -> None:
        """Return if every latent has three dimensions and this model's channels.

        Raises:
            BadSetting: naming the shape of one that hasn't.
        """
        for latent in latents:
            if latent.ndim != 3 or latent.size(0) != self.in_channels:
                raise BadSetting(
                    f"a latent has shape {tuple(latent.shape)}; give ({self.in_channels}, height, width) for each"
                )


def _size(latent: torch.Tensor) -> tuple[int, int]:
    return latent.size(-2), latent.size(-1)
