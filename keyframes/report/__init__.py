"""Pages to look at a choice: one self-contained HTML file beside each result, and the index of a batch.

`shrinking` makes small copies, `thumbnails` small pictures of a bounded size, `overview` reduces any number of frames
to what a screen can show, `page` puts HTML together and escapes what comes from outside; upon them `report` and
`batch_index` make the files. What the browser gets is in `assets/`.
"""
