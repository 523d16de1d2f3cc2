#!/usr/bin/env python3
"""Rate and distortion of `quantize` beside six other formats, as a table and as a plot; what each part of ours gains.

    python benchmarks/rate_distortion.py [curves] [ablation] [speed] [-o docs/rate_distortion.png] IMAGE...

curves: mean change of size at equal quality, in percent, where the curves of both overlap, by five measures: PSNR of
all samples, PSNR of luma, structural similarity of luma, at one scale and at several, and SSIMULACRA2; once for our
files of quality 5 to 95, once for those of 0.2 to 1.5 bits a pixel. The other formats are those of `image_codecs`. The
plot has the mean of three measures over the images at each bit rate. ablation:
the same against JPEG, with a part left out. speed: megapixels a second, within this process, the second run.
"""

import argparse
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from image_codecs import CODECS
from image_quality import Judge
from PIL import Image, ImageDraw, ImageFont

# This folder has a module of the package's name.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import quantize
from quantize.metrics import psnr, ssim
from quantize.multiresolution import books, profile
from quantize.multiresolution.coder import Rates
from quantize.multiresolution.tuning import TUNINGS

ROOT = Path(__file__).resolve().parent.parent

PARTS = ("curves", "ablation", "speed")
MEASURES = ("RGB-PSNR", "luma-PSNR", "SSIM", "MS-SSIM", "SSIMULACRA2")
PLOTTED = (0, 3, 4)
# Curves bend between points that are farther apart, which straight lines between them would cut off.
QUALITIES = (5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 90, 95)
RATES = (0.2, 0.28, 0.4, 0.57, 0.8, 1.1, 1.5)
LABELLED_RATES = (0.2, 0.4, 0.8, 1.5)
AIMS = {
    "quality 5 to 95": [{"quality": quality} for quality in QUALITIES],
    "0.2 to 1.5 bits": [{"bpp": rate} for rate in RATES],
}
OURS = {
    "visual": {"tune": "visual"},
    "ssim": {"tune": "ssim"},
    "psnr": {"tune": "psnr"},
}
COLORS = {
    "JPEG": (214, 39, 40),
    "WebP": (255, 127, 14),
    "JPEG XL": (148, 103, 189),
    "AVIF": (127, 127, 127),
    "visual": (31, 119, 180),
    "psnr": (44, 160, 44),
}


@cache
def read(source):
    return np.array(Image.open(source).convert("RGB"))


@cache
def judge(source):
    return Judge(read(source))


def luma(pixels):
    return (pixels @ np.array([0.299, 0.587, 0.114]))[..., None]


def measured(path, data, decoded):
    """Bits a pixel, and the five measures."""
    pixels = read(path)
    error = np.square(luma(pixels) - luma(decoded)).mean()
    values = psnr(pixels, decoded), 10 * np.log10(255**2 / error), ssim(pixels, decoded)
    alike = judge(path).ms_ssim(decoded), judge(path).ssimulacra2(decoded)
    return 8 * len(data) / pixels[..., 0].size, *values, *alike


def theirs(path, name):
    encode, qualities = CODECS[name]
    return [measured(path, *encode(read(path), quality)) for quality in qualities]


def ours(path, aims, **options):
    """Points of our files, for each aim as {"quality": 60} or {"bpp": 0.4}."""
    points = []
    for aim in aims:
        data = quantize.encode(read(path), profile="multiresolution", **aim, **options)
        points.append(measured(path, data, quantize.decode(data)))
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
    others = {}
    for name in CODECS:
        others[name] = [theirs(path, name) for path in paths]
        print(f"{name} measured", file=sys.stderr, flush=True)
    for title, aims in AIMS.items():
        found = others | {name: [ours(path, aims, **OURS[name]) for path in paths] for name in OURS}
        for name in OURS:
            print(f"\n{name + ', ' + title:24}" + "".join(f"{measure:>14}" for measure in MEASURES))
            for other in found:
                if other != name:
                    pairs = list(zip(found[name], found[other], strict=True))
                    means = [np.nanmean([change(*pair, m) for pair in pairs]) for m in range(len(MEASURES))]
                    print(f"{other:24}" + "".join(f"{value:14.1f}" for value in means), flush=True)
    # Those at the same rates of all images, which come last.
    plot({name: found[name] for name in COLORS}, place)


def plot(found, place):
    """Draw a panel for each of three measures: the mean over the images at each rate."""
    side, margin = 460, 56
    image = Image.new("RGB", (3 * side, side + 40), "white")
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(14)
    rates = np.linspace(np.log2(RATES[0]), np.log2(RATES[-1]), 60)
    for panel, m in enumerate(PLOTTED):
        lines = {}
        for name, images in found.items():
            each = []
            for points in images:
                table = np.array(sorted(points))
                each.append(np.interp(rates, np.log2(table[:, 0]), table[:, 1 + m], left=np.nan, right=np.nan))
            lines[name] = np.mean(each, axis=0)
        low, high = (function([function(line) for line in lines.values()]) for function in (np.nanmin, np.nanmax))

        def at(rate, value, panel=panel, low=low, high=high):
            x = margin + (rate - rates[0]) / (rates[-1] - rates[0]) * (side - 1.4 * margin)
            return panel * side + x, side - margin - (value - low) / (high - low) * (side - 2 * margin)

        unit = " in dB" if "PSNR" in MEASURES[m] else ""
        draw.text((panel * side + margin, 16), f"{MEASURES[m]}{unit} by bits per pixel", "black", font)
        for rate in LABELLED_RATES:
            draw.line([at(np.log2(rate), low), at(np.log2(rate), high)], (225, 225, 225))
            x, y = at(np.log2(rate), low)
            draw.text((x - 10, y + 8), f"{rate:g}", "black", font)
        for value in np.linspace(low, high, 6):
            draw.line([at(rates[0], value), at(rates[-1], value)], (225, 225, 225))
            x, y = at(rates[0], value)
            draw.text((x - 46, y - 8), f"{value:.3f}" if high <= 1 else f"{value:.1f}", "black", font)
        for name, line in lines.items():
            points = [at(*pair) for pair in zip(rates, line, strict=True) if np.isfinite(pair[1])]
            draw.line(points, COLORS[name], 3, "curve")
    for k, (name, color) in enumerate(COLORS.items()):
        x = margin + k * 190
        draw.line([(x, side + 14), (x + 24, side + 14)], color, 4)
        draw.text((x + 30, side + 5), f"quantize, {name}" if name in OURS else name, "black", font)
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

    def tuned(name, emphasis=None, **parts):
        tuning = TUNINGS[name]
        if emphasis:
            kinds = {"fine": tuning.fine, "coarse": tuning.coarse}
            parts |= {kind: replace(one, **emphasis) for kind, one in kinds.items() if one}
        return (profile, "TUNINGS", {**TUNINGS, name: replace(tuning, **parts)})

    variants = {
        "visual": ("visual", ()),
        "no other tuning of coarse steps": ("visual", (tuned("visual", coarse=None),)),
        "steps alike at all levels": ("visual", (tuned("visual", {"weights": ()}),)),
        "no masking": ("visual", (tuned("visual", {"masking": None}),)),
        "JPEG's colours": ("visual", (tuned("visual", colors="jpeg"),)),
        "rates of psnr": ("visual", (tuned("visual", {"rates": TUNINGS["psnr"].fine.rates}),)),
        "psnr": ("psnr", ()),
        "models that know nothing": ("psnr", ((profile, "shipped", lambda *_: unlearnt),)),
        "hardly any zeroing": ("psnr", (tuned("psnr", {"rates": Rates(0.01, 0.01)}),)),
        "JPEG's colours, psnr": ("psnr", (tuned("psnr", colors="jpeg"),)),
        "chroma as fine as luma": ("psnr", (tuned("psnr", chroma=1.0),)),
    }
    jpeg = [theirs(path, "JPEG") for path in paths]
    print(f"\n{'% of size against JPEG':32}" + "".join(f"{measure:>14}" for measure in MEASURES))
    for name, (tune, replacements) in variants.items():
        with without(*replacements):
            points = [ours(path, AIMS["0.2 to 1.5 bits"], tune=tune) for path in paths]
        pairs = list(zip(points, jpeg, strict=True))
        means = [np.nanmean([change(*pair, m) for pair in pairs]) for m in range(len(MEASURES))]
        print(f"{name:32}" + "".join(f"{value:14.1f}" for value in means), flush=True)


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
    arguments = parser.parse_intermixed_args()
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
