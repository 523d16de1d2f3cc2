"""The first pass over a video: every frame that is looked at becomes a row of numbers.

In: a `VideoReader` and the `Settings`. Out: a `Scan` (`scan`), whose rows are features, figures and times of frames.

- a picture as numbers: `thumbnails` and `components` reduce it, `figures` measures it, `luma` spares the conversion to
  colour, `equal_rows` gives equal pictures equal rows
- other features: `trained_network`, `pretrained_network`
- the whole recording: `sparse` plans which frames of a long one are looked at, `path` says how far the scene has moved
- memory: `thumbnail_store` holds what is too much for it, `spare_memory` gives some back
- all of it: `first_pass`; and `joined_views` puts the scans of several cameras side by side
- the next run: `cache` keeps a scan for it, `array_files` any arrays
"""
