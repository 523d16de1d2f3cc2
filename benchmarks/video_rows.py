"""Rows of numbers from the frames of a video, which several benchmarks cluster."""

import cv2
import numpy as np


def read_thumbnails(video):
    """All frames of a video as 64x64 gray levels, (n_frames, 4096), float32."""
    capture = cv2.VideoCapture(str(video))
    thumbnails = []
    while True:
        ok, image = capture.read()
        if not ok:
            break
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        thumbnails.append(cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA).reshape(-1))
    return np.array(thumbnails, np.float32)


def rows_between_frames(video, n_samples):
    """Pictures at random times of a video, between its frames, with noise of 1 level: (n_samples, 4096), float32."""
    thumbnails = read_thumbnails(video)
    rng = np.random.default_rng(0)
    place = np.sort(rng.uniform(0, len(thumbnails) - 1.001, n_samples))
    before, share = place.astype(int), (place % 1).astype(np.float32)[:, None]
    noise = rng.standard_normal((n_samples, 4096), dtype=np.float32)
    return thumbnails[before] * (1 - share) + thumbnails[before + 1] * share + noise


def component_rows(video):
    """Return 60,000 such pictures as 32 principal components, (60,000, 32), float32."""
    from sklearn.decomposition import PCA

    basis = PCA(32, svd_solver="randomized", random_state=0).fit(rows_between_frames(video, 4000))
    parts = [basis.transform(part) for part in np.array_split(rows_between_frames(video, 60_000), 12)]
    return np.concatenate(parts).astype(np.float32)
