"""The centroid neural network: clusters grown one split at a time (`growth`), then refined."""
