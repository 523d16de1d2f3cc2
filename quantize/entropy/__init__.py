"""The entropy coder that all profiles share: context mixing and arithmetic coding.

In: planes and lists of whole numbers, or single decisions with their contexts. Out: streams of bytes; and back.
`kernels` codes, `streams` begins and ends.
"""
