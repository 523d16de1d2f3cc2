"""Kernel of the structural similarity."""

from numpy.typing import NDArray

from clustering.kernels.compilation import compiled

WINDOW = 8
STRIDE = 4
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@compiled()
def mean_similarity(A: NDArray, B: NDArray) -> float:
    """Mean structural similarity of two planes over windows of 8 x 8, every fourth one in both directions.

    Smaller planes are one window.

    IN: A, B (height, width) float64.
    """
    height, width = A.shape
    rows, columns = min(WINDOW, height), min(WINDOW, width)
    n, n_windows, total = rows * columns, 0, 0.0
    for r in range(0, height - rows + 1, STRIDE):
        for c in range(0, width - columns + 1, STRIDE):
            a, b, aa, bb, ab = 0.0, 0.0, 0.0, 0.0, 0.0
            for y in range(r, r + rows):
                for x in range(c, c + columns):
                    u, v = A[y, x], B[y, x]
                    a += u
                    b += v
                    aa += u * u
                    bb += v * v
                    ab += u * v
            a /= n
            b /= n
            variances, covariance = aa / n - a * a + bb / n - b * b, ab / n - a * b
            total += (2 * a * b + C1) * (2 * covariance + C2) / ((a * a + b * b + C1) * (variances + C2))
            n_windows += 1
    return total / n_windows
