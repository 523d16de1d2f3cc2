"""Image files: the one place that opens them.

In: a file, or its bytes. Out: a `Picture`, 8-bit samples in sRGB or with their colour profile, and its metadata; and
from pixels, a PNG. `files` reads and writes through Pillow, `samples` looks at the depth of samples, `tiff` at the tags
of TIFF files, `color_profiles` converts what is not RGB, and `png` writes palettes and carries a PNG file's chunks.
"""
