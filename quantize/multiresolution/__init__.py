"""The profile for photographs: wavelet vectors, their codebooks, and the coding of both."""
