"""Ways to frames that are quicker than reading a file from start to end: each is proven, or it is not taken.

In goes a `VideoReader`; out come some of its frames, or what a pass over all of them shows. `side_by_side` shares work
out among threads. `seeking` fetches frames by seeks, `spread` pictures from all over a file, and `segments` makes a
pass by several captures. `excerpts` decodes single frames without those between, from a file that `matroska` makes of
their packets, and `excerpt_frames` proves them. A failed proof is a `DisagreementError`.
"""
