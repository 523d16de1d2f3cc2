"""k-means in small batches, for data that are read a part at a time: arrays in, centres out."""
