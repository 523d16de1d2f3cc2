#!/usr/bin/env python3
"""Rate and distortion of the profiles beside JPEG and WebP, as a table and as a plot; what each part of ours gains.

    python benchmarks/rate_distortion.py [curves] [ablation] [speed] [-o docs/rate_distortion.png] IMAGE...

curves: mean change of size at equal quality, in percent, where the curves of both overlap, by three measures: PSNR of
all samples, PSNR of luma, structural similarity of luma. JPEG as Pillow writes it (4:2:0, optimised), WebP (method 4).
The plot has the mean of each measure over the images at each bit rate. ablation: the same against JPEG, with a part
left out. speed: megapixels a second, within this process, the second run.
"""

import argparse
import io
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
from PIL import Image, ImageDraw, ImageFont

# This folder has a module of the package's name.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import quantize
from quantize.metrics import psnr, ssim
from quantize.multiresolution import books, profile, tuning

ROOT = Path(__file__).resolve().parent.parent

PARTS = ("curves", "ablation", "speed")
MEASURES = ("RGB-PSNR", "luma-PSNR", "SSIM")
JPEG_QUALITIES = (5, 10, 15, 20, 30, 40, 50, 60, 70, 80, 88, 94)
WEBP_QUALITIES = (0, 5, 10, 20, 30, 40, 50, 60, 70, 80, 88, 94)
RATES = (0.2, 0.4, 0.8, 1.5)
COLORS = {
    "JPEG": (214, 39, 40),
    "WebP": (255, 127, 14),
    "block": (127, 127, 127),
    "multiresolution": (31, 119, 180),
    "multiresolution, --tune ssim": (44, 160, 44),
}


def read(source):
    return np.asarray(Image.open(source).convert("RGB"))


def luma(pixels):
    return (pixels @ np.array([0.299, 0.587, 0.114]))[..., None]


def measured(pixels, data, decoded):
    """Bits a pixel, and the three measures."""
    error = np.square(luma(pixels) - luma(decoded)).mean()
    luma_psnr = 10 * np.log10(255**2 / error)
    return 8 * len(data) / pixels[..., 0].size, psnr(pixels, decoded), luma_psnr, ssim(pixels, decoded)


def by_pillow(pixels, kind, qualities, **options):
    points = []
    for quality in qualities:
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind, quality=quality, **options)
        points.append(measured(pixels, buffer.getvalue(), read(buffer)))
    return points


def ours(pixels, **options):
    points = []
    for rate in RATES:
        data = quantize.encode(pixels, bpp=rate, **options)
        points.append(measured(pixels, data, quantize.decode(data)))
    return points


def change(points, others, measure):
    """Mean change of size at equal quality, in percent."""
    curves = []
    for curve in (points, others):
        values = np.array(sorted((point[1 + measure], np.log(point[0])) for point in curve))
        curves.append((values[:, 0], np.maximum.accumulate(values[:, 1])))
    low, high = max(curve[0][0] for curve in curves), min(curve[0][-1] for curve in curves)
    if low >= high:
        return np.nan
    places = np.linspace(low, high, 200)
    difference = np.interp(places, *curves[0]) - np.interp(places, *curves[1])
    return 100 * (np.exp(difference.mean()) - 1)


def curves(paths, place):
    methods = {
        "JPEG": lambda pixels: by_pillow(pixels, "JPEG", JPEG_QUALITIES, optimize=True),
        "WebP": lambda pixels: by_pillow(pixels, "WEBP", WEBP_QUALITIES, method=4),
        "block": lambda pixels: ours(pixels, profile="block"),
        "multiresolution": lambda pixels: ours(pixels, profile="multiresolution"),
        "multiresolution, --tune ssim": lambda pixels: ours(pixels, profile="multiresolution", tune="ssim"),
    }
    found = {name: [method(read(path)) for path in paths] for name, method in methods.items()}
    print(
        f"{'% of size against':32}" + "".join(f"{other + ': ' + m:>18}" for other in ("JPEG", "WebP") for m in MEASURES)
    )
    for name in list(methods)[2:]:
        rows = [
            [change(found[name][i], found[other][i], m) for other in ("JPEG", "WebP") for m in range(3)]
            for i in range(len(paths))
        ]
        for path, row in zip(paths, rows, strict=True):
            print(f"  {name[:18]:18}{Path(path).stem:12}" + "".join(f"{value:18.1f}" for value in row))
        print(f"{name:32}" + "".join(f"{value:18.1f}" for value in np.nanmean(rows, axis=0)))
    plot(found, place)


def plot(found, place):
    """Draw a panel for each measure: the mean over the images at each rate."""
    side, margin = 460, 56
    image = Image.new("RGB", (3 * side, side + 40), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    rates = np.linspace(np.log2(RATES[0]), np.log2(RATES[-1]), 60)
    for m, measure in enumerate(MEASURES):
        lines = {}
        for name, images in found.items():
            each = []
            for points in images:
                table = np.array(sorted(points))
                each.append(np.interp(rates, np.log2(table[:, 0]), table[:, 1 + m], left=np.nan, right=np.nan))
            lines[name] = np.mean(each, axis=0)
        low, high = (function([function(line) for line in lines.values()]) for function in (np.nanmin, np.nanmax))

        def at(rate, value, m=m, low=low, high=high):
            x = margin + (rate - rates[0]) / (rates[-1] - rates[0]) * (side - 1.4 * margin)
            return m * side + x, side - margin - (value - low) / (high - low) * (side - 2 * margin)

        draw.text((m * side + margin, 16), f"{measure}{' in dB' if m < 2 else ''} by bits a pixel", "black", font)
        for rate in RATES:
            draw.line([at(np.log2(rate), low), at(np.log2(rate), high)], (225, 225, 225))
            x, y = at(np.log2(rate), low)
            draw.text((x - 10, y + 8), f"{rate:g}", "black", font)
        for value in np.linspace(low, high, 6):
            draw.line([at(rates[0], value), at(rates[-1], value)], (225, 225, 225))
            x, y = at(rates[0], value)
            draw.text((x - 46, y - 8), f"{value:.1f}" if m < 2 else f"{value:.3f}", "black", font)
        for name, line in lines.items():
            points = [at(*pair) for pair in zip(rates, line, strict=True) if np.isfinite(pair[1])]
            draw.line(points, COLORS[name], 3, "curve")
    for k, (name, color) in enumerate(COLORS.items()):
        x = margin + k * 250
        draw.line([(x, side + 14), (x + 24, side + 14)], color, 4)
        draw.text((x + 30, side + 5), name, "black", font)
    image.save(place, optimize=True)
    print(f"{place} drawn")


@contextmanager
def without(*replacements):
    """Replace parts of the codec for a while."""
    stack = [patch.object(*replacement) for replacement in replacements]
    for replacement in stack:
        replacement.start()
    try:
        yield
    finally:
        for replacement in stack:
            replacement.stop()


def ablation(paths):
    known = books.shipped()
    unlearnt = books.Known(known.books, {kind: books.new_model(len(b.children)) for kind, b in known.books.items()})
    plain = {kind: book._replace(rates=book.rates * 0) for kind, book in known.books.items()}
    variants = {
        "all": (),
        "models that know nothing": ((profile, "shipped", lambda: unlearnt),),
        "nearest codeword, no rate": ((profile, "shipped", lambda: books.Known(plain, known.models)),),
        "hardly any zeroing": ((profile, "RATE", 0.01),),
        "JPEG's colours": ((profile, "fitted_matrix", lambda pixels: profile.fixed_matrix()),),
        "chroma as fine as luma": ((tuning, "CHROMA", None), (profile, "CHROMA", {"psnr": 1.0, "ssim": 1.0})),
    }
    jpeg = [by_pillow(read(path), "JPEG", JPEG_QUALITIES, optimize=True) for path in paths]
    print(f"\n{'% of size against JPEG':32}" + "".join(f"{measure:>12}" for measure in MEASURES))
    for name, replacements in variants.items():
        with without(*replacements):
            points = [ours(read(path), profile="multiresolution") for path in paths]
        means = [np.nanmean([change(a, b, m) for a, b in zip(points, jpeg, strict=True)]) for m in range(3)]
        print(f"{name:32}" + "".join(f"{value:12.1f}" for value in means))


def speed(paths):
    print(f"\n{'megapixels a second':24}{'encoding':>10}{'decoding':>10}{'bits a pixel':>14}")
    for quality in (30, 60, 80):
        seconds, rates = np.zeros(2), []
        for path in paths:
            pixels = read(path)
            for _ in range(2):
                start = time.perf_counter()
                data = quantize.encode(pixels, profile="multiresolution", quality=quality)
                middle = time.perf_counter()
                quantize.decode(data)
                spent = middle - start, time.perf_counter() - middle
            seconds += np.array(spent) / (pixels[..., 0].size / 1e6)
            rates.append(8 * len(data) / pixels[..., 0].size)
        encoding, decoding = len(paths) / seconds
        print(f"quality {quality:<16}{encoding:10.1f}{decoding:10.1f}{np.mean(rates):14.2f}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-o", "--output", default=ROOT / "docs" / "rate_distortion.png", type=Path)
    parser.add_argument("parts_and_images", nargs="+", metavar="PART|IMAGE")
    arguments = parser.parse_args()
    images = [path for path in arguments.parts_and_images if path not in PARTS]
    chosen = [part for part in arguments.parts_and_images if part in PARTS] or PARTS
    if not images:
        parser.error("name an image")
    if "curves" in chosen:
        curves(images, arguments.output)
    if "ablation" in chosen:
        ablation(images)
    if "speed" in chosen:
        speed(images)


if __name__ == "__main__":
    main()
