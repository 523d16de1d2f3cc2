"""Handwritten digits, which two benchmarks cluster."""

import numpy as np
from sklearn.datasets import load_digits


def read_digits(path):
    """Rows of pixels from 0 to 1, (n_samples, n_pixels) float32; their digits; height and width of an image.

    A file has `images` (n, height, width), uint8, and `labels` (n,); None means scikit-learn's small digits.
    """
    if path is None:
        digits = load_digits()
        images, labels = digits.images / 16, digits.target
    else:
        with np.load(path) as file:
            images, labels = file["images"] / 255, file["labels"]
    return images.reshape(len(images), -1).astype(np.float32), labels.astype(np.int64), images.shape[1:]
