"""Which frames to label.

In: a `Scan` and the `Settings`. Out: a `Selection` of `Keyframe`s with the clusters behind them.
`choose` decides by the settings; `covering` (with `animals`) finds frames that represent all the others, `clusters` the
members nearest to centres, `uniform` evenly spaced frames; `guards` keeps similar, dark and blurred frames out.
`rows` needs no scan: it chooses rows of features that come from anywhere.
"""
