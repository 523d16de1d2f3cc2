"""The palette profile: an image of few colours, as an index for each pixel.

In: a `Picture` and the `Settings`. Out: an `Encoded`, a PNG or a `.vqi` file. `colors` finds the entries and maps the
pixels to them, `dithering` mixes them, `profile` chooses how many there are.
"""
