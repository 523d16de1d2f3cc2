"""Small copies of pictures to look at."""

import cv2
import numpy as np
from numpy.typing import NDArray


def shrunk(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Return a picture at a smaller size: halved as often as that goes, then interpolated.

    Averaging areas that are no whole numbers of pixels wide takes six times as long.
    """
    while image.shape[1] >= 2 * width and image.shape[0] >= 2 * height:
        image = np.asarray(cv2.resize(image, (image.shape[1] // 2, image.shape[0] // 2), interpolation=cv2.INTER_AREA))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8)
