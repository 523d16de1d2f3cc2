"""Compiled kernels of the block profile: planes, the encoder's choice, contexts, trees and the coding of vectors.

What a decoder runs computes in integers alone, so that a file gives the same bits on every machine.
"""
