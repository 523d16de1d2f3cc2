"""k-means in small batches, for data that are read a part at a time: arrays in, centres out.

`mini_batch_k_means` makes the batches, of `centered_rows`, or follows a stream; `running_means` are the centres.
"""
