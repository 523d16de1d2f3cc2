#!/usr/bin/env python3
"""Make the picture of the documentation that shows one photograph at three rates, by five codecs.

    python benchmarks/visual_sheet.py [-o docs/visual.jpg]

It is a part of scikit-learn's flower.jpg (CC BY 2.0, https://www.flickr.com/photos/vultilion/). Each codec
gets the whole photograph, and the quality that comes nearest to the rate. Labels have bits per pixel, and
SSIMULACRA2.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from image_codecs import CODECS
from image_quality import Judge
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_image

# This folder has a module of the package's name.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import quantize

ROOT = Path(__file__).resolve().parent.parent
RATES = (0.2, 0.4, 0.8)
PART = slice(90, 290), slice(190, 430)
LABEL_ROWS = 22
QUALITIES = {"JPEG": range(1, 100), "AVIF": range(1, 100)}


def nearest(pixels, name, rate):
    """Bytes and pixels of the quality that comes nearest to a rate; more of it takes more bytes."""
    encode, qualities = CODECS[name][0], QUALITIES[name]
    low, high = 0, len(qualities) - 1
    while high - low > 1:
        middle = (low + high) // 2
        small = 8 * len(encode(pixels, qualities[middle])[0]) < rate * pixels[..., 0].size
        low, high = (middle, high) if small else (low, middle)
    return min(
        (encode(pixels, qualities[i]) for i in (low, high)),
        key=lambda p: abs(8 * len(p[0]) - rate * pixels[..., 0].size),
    )


def versions(pixels, rate):
    """Yield a name, bytes and pixels for each codec."""
    for name in QUALITIES:
        yield name, *nearest(pixels, name, rate)
    for tune in ("psnr", "visual"):
        data = quantize.encode(pixels, profile="multiresolution", bpp=rate, tune=tune)
        yield f"quantize --tune {tune}", data, quantize.decode(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", default=ROOT / "docs" / "visual.jpg", type=Path)
    arguments = parser.parse_args()
    pixels = np.ascontiguousarray(load_sample_image("flower.jpg"))
    judge, n_pixels = Judge(pixels), pixels[..., 0].size
    height, width = (part.stop - part.start for part in PART)
    sheet = Image.new("RGB", (5 * width, 3 * (height + LABEL_ROWS)), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for row, rate in enumerate(RATES):
        found = [("original", b"", pixels), *versions(pixels, rate)]
        for column, (name, data, shown) in enumerate(found):
            x, y = column * width, row * (height + LABEL_ROWS)
            label = name
            if data:
                label += f": {8 * len(data) / n_pixels:.2f} bpp, {judge.ssimulacra2(shown):.0f}"
            draw.text((x + 4, y + 3), label, "black", font)
            sheet.paste(Image.fromarray(np.ascontiguousarray(shown[PART])), (x, y + LABEL_ROWS))
    sheet.save(arguments.output, quality=88, subsampling=0, optimize=True)
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes")


if __name__ == "__main__":
    main()
