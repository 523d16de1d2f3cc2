"""The centroid neural network: arrays in, clusters out, grown one split at a time.

`cent_nn` is one run; `growth` splits and dissolves clusters.
"""
