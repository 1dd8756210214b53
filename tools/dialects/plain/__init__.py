"""The dialect of any instruction-following vision-language model, asked without training for it."""

from omniagent.tools.dialects.plain.dialect import Plain

__all__ = ["Plain"]
