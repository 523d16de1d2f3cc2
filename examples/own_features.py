"""Choose frames by your own features, and write them.

    python own_features.py VIDEO FOLDER

The features here are colour histograms, which suit recordings where light or scenery change. Put a network's output or
the keypoints of a tracker in their place.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

import keyframes

BINS = 8


def color_histogram(image: np.ndarray) -> np.ndarray:
    """Shares of the colours in an image (height, width, 3), as roots: their Euclidean distance is Hellinger's."""
    counts = cv2.calcHist([image], [0, 1, 2], None, [BINS] * 3, [0, 256] * 3).ravel()
    return np.sqrt(counts / counts.sum())


def main() -> None:
    """Read the video twice: for the features, and for the frames that were chosen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("video", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("-k", type=int, default=10)
    options = parser.parse_args()

    with keyframes.VideoReader(options.video) as video:
        indices, features = zip(*((frame.index, color_histogram(frame.image)) for frame in video), strict=True)
    chosen = {indices[row] for row in keyframes.choose(np.stack(features), options.k)}

    options.folder.mkdir(parents=True, exist_ok=True)
    with keyframes.VideoReader(options.video) as video:
        for frame in video:
            if frame.index in chosen:
                cv2.imwrite(str(options.folder / f"img{frame.index:05d}.png"), frame.image)
    print(f"{len(chosen)} frames in {options.folder}: {sorted(chosen)}")


if __name__ == "__main__":
    main()
