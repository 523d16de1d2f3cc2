"""The result folder of a video: made whole or not at all, and read back.

In: a `Scan`, a `Selection` and the manifest. Out: images, contact sheet, report, ``scan.npz`` and ``manifest.json``.

- `folder` makes it appear at once, `naming` names it, `writing` fills it, `dry_run` tells what would be written
- `image_files` encodes and decodes the images, `scan_file` holds the rows behind the choice
- `recordings` reads results back and finds their videos, which `video_identity` recognizes
- `result` is what `keyframes.extract` returns
"""
