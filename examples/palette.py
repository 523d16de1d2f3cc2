"""A picture with a palette of few colours.

    python palette.py IMAGE RESULT.png

The colours are the centres of k-means. `quantize IMAGE --block 1 --codewords 16` also supports transparency
and dithering; this script shows the idea.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from clustering import KMeans


def main() -> None:
    """Find the colours, and save the picture with them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("--colors", type=int, default=16)
    options = parser.parse_args()

    image = np.asarray(Image.open(options.image).convert("RGB"))
    pixels = image.reshape(-1, 3).astype(np.float32)
    model = KMeans(n_clusters=options.colors, random_state=0).fit(pixels)

    picture = Image.fromarray(model.labels_.reshape(image.shape[:2]).astype(np.uint8), mode="P")
    picture.putpalette(model.cluster_centers_.round().astype(np.uint8).tobytes())
    picture.save(options.result, optimize=True)
    error = np.square(image - np.asarray(picture.convert("RGB"), np.float32)).mean()
    print(f"{options.colors} colours, PSNR {10 * np.log10(255**2 / error):.1f} dB, in {options.result}")


if __name__ == "__main__":
    main()
