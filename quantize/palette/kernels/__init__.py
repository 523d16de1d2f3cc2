"""Compiled kernel of the palette profile: error diffusion."""
