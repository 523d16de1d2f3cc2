"""Compiled kernels of the entropy coder: decisions, whole numbers and symbols.

They compute in integers alone, so that a file gives the same bits on every machine.
"""
