"""The block profile: an image as codewords, from coarse to fine.

In: a `Picture`, the `Settings` and, where many images share it, a codebook. Out: an `Encoded`, a `.vqi` file; or the
data of a codebook. `pyramid` cuts the planes into blocks, `codebook` trains the codewords and gives them a canonical
code, `coder` codes the blocks, `profile` does it all, in both directions.
"""
