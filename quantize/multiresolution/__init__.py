"""The multi-resolution profile, for photographs: wavelet vectors, their codebooks, and the coding of both.

In: a `Picture` and the `Settings`. Out: an `Encoded`, a `.vqi` file whose beginning shows a smaller picture. `colors`
and `transform` turn pixels into vectors and back, `layout` gives sizes and steps, `tuning` says where steps may be
larger, `editions` names the codebooks and models that there are, `books` reads them, `parameters` is what a file says
of itself, `coder` codes the vectors, and `profile` does it all, in both directions.
"""
