"""Compiled kernels of the multi-resolution profile: the wavelet transform, contexts, and the coding of vectors.

What a decoder runs computes in integers alone, so that a file gives the same bits on every machine.
"""
