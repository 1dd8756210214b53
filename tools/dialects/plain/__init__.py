"""The dialect of any instruction-following vision-language model, asked without training for it."""
