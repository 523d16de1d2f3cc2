"""Compiled kernels, by task: colours, planes, vectors, and the coder of indices.

Arguments are marked IN, OUT or INOUT. What a decoder runs computes in integers alone, so that a file gives the same
bits on every machine.
"""
