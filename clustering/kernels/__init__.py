"""How kernels are compiled (`compilation`), those that several algorithms call (`rows`), and what holds for all.

Each works on some rows of its arrays, so that several threads can share them. Arguments are marked IN, OUT or INOUT.
Products run over blocks of ``BLOCK_ROWS`` rows, counted from the first row of a chunk: the block, and with it every bit
of the result, is the same whichever thread works on it.

Numba computes in float64 as soon as a plain Python number takes part: constants are given the dtype of the data.
"""
