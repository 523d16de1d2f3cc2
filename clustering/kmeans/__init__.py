"""k-means, the same bits for any number of threads.

`k_means` is one run: greedy seeds (`seeding`, `candidates`, `sampling`), some of them exchanged for better ones
(`exchange`), and Lloyd's algorithm with bounds (`lloyd`). `byte_rows` does it for rows of bytes without Numba.
"""
