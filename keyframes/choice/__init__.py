"""Which frames to label.

In: a `Scan` and the `Settings`. Out: a `Selection` (`selection`) of `Keyframe`s with the clusters behind them.
`choose` decides by the settings; `covering` finds frames that represent all the others, by what `basis` decides to
compare, `animals` or whole pictures; `clusters` finds the members nearest to centres, `uniform` evenly spaced frames.
`guards` keeps similar, dark and blurred frames out, `members` takes the best of a cluster, `distance` says how much two
frames differ, and `warnings` what there is to report. `rows` needs no scan: it chooses rows of features that come from
anywhere.

By a network's predictions: `predicted` chooses by `picking`, from a `pose_table` of the distances that `poses` has;
`predicted_video` takes the place of a scan, and `by_pictures` chooses what poses hardly tell apart.
"""
