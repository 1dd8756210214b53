"""From noise to latents: schedule, guidance, steps and their shortcuts."""
