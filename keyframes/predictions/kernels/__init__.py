"""Compiled loops over the poses of a whole recording."""
