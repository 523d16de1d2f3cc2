"""Compiled kernels of the multi-resolution profile: a lifting step, contexts, and the coding of vectors.

What a decoder runs computes in integers alone, so that a file gives the same bits on every machine.
"""
