"""The first pass over a video: every frame that is looked at becomes a row of numbers.

In: a `VideoReader` and the `Settings`. Out: a `Scan` (`scan`), whose rows are features, figures and times of frames.
`sparse` plans which frames of a long recording are looked at. `thumbnails` and `components` reduce a picture, `figures`
measures it, `equal_rows` gives pictures that are equal equal rows, `path` says how far the scene has moved,
`trained_network` and `pretrained_network` give other features, `thumbnail_store` holds what is too much for memory,
`luma` spares the conversion to colour, `spare_memory` gives memory back, `first_pass` does it all, `cache` keeps a scan
for the next run, and `joined_views` puts the scans of several cameras side by side.
"""
