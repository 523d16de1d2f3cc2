"""Compiled loops of the choice."""
