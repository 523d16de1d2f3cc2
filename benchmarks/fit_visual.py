#!/usr/bin/env python3
"""Fit the numbers of `--tune visual` to what SSIMULACRA2 and MS-SSIM see, by coordinate search.

    python benchmarks/fit_visual.py [--coarse] [--packages DIR] [--rounds N]

Each number is moved a little, up or down, and the move kept where it makes files smaller at equal quality: the mean,
over the photographs and two rates, of the change of size against the curve of `--tune ssim`, both measures weighing
about the same. With --coarse, the numbers for coarse steps are fitted, and MS-SSIM weighs a little more. Moves become
smaller from round to round. It prints what it has found; `tuning.py` and `colors.py` of `quantize/multiresolution` hold
the numbers, rounded. A round takes about ten minutes.

The photographs are crops of some of those that the codebooks are trained on (see `train_multiresolution`), and two of
scikit-image: an astronaut (public domain) and a cup of coffee (CC0). None of them is in any of the usual test sets.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
from image_quality import Judge
from train_multiresolution import PHOTOGRAPHS, WIDTHS, photographs

# `train_multiresolution` has put the repository on the path.
from quantize.datatypes import Picture, Settings
from quantize.multiresolution import colors, profile
from quantize.multiresolution.tuning import TUNINGS

NAMES = ("Garden", "Wood", "GreenMeadow", "BytheWater", "FallenLeaf", "Path", "flower")
PUBLIC = ("astronaut", "coffee")
SIDE = 384
# Base-2 logarithms of the step, in 256ths of a gray level, for fine and for coarse steps.
STEPS = {False: (11.2, 12.4), True: (13.8, 14.4)}
# From coarse to fine: quality grows.
CURVE = (16.0, 15.4, 14.8, 14.1, 13.4, 12.8, 12.2, 11.6, 11.0, 10.2)
# Of SSIMULACRA2 and MS-SSIM.
WEIGHTS = {False: np.array([0.5, 0.5]), True: np.array([0.4, 0.6])}
KINDS_OF_WEIGHTS = ("luma", "chroma", "diagonal")
MASKING = ("power", "least_variance", "blur")
AXES = ("RED", "BLUE", "RED_SCALE", "BLUE_SCALE")
FACTOR = 1.2


def busiest(pixels):
    """Crop of the largest mean change from pixel to pixel."""
    changes = np.abs(np.diff(pixels.mean(axis=2), axis=1))
    rows, columns = range(0, len(pixels) - SIDE + 1, 32), range(0, pixels.shape[1] - SIDE + 1, 32)
    places = [(changes[y : y + SIDE, x : x + SIDE].mean(), y, x) for y in rows for x in columns]
    _, y, x = max(places)
    return np.ascontiguousarray(pixels[y : y + SIDE, x : x + SIDE])


def crops(folder):
    """Crops (SIDE, SIDE, 3) of all photographs."""
    from skimage import data

    for i, pixels in enumerate(photographs(folder)):
        if i % len(WIDTHS) == 0 and any(name in PHOTOGRAPHS[i // len(WIDTHS)][1] for name in NAMES):
            yield busiest(pixels)
    for name in PUBLIC:
        yield busiest(getattr(data, name)())


class Bench:
    """Photographs, and what `--tune ssim` makes of them."""

    def __init__(self, images, coarse):
        self.base = TUNINGS["visual"].coarse if coarse else TUNINGS["visual"].fine
        self.steps, self.weights = STEPS[coarse], WEIGHTS[coarse]
        # Both have the same colours.
        self.axes = () if coarse else AXES
        self.images = [(Picture(pixels), Judge(pixels)) for pixels in images]
        self.curves = [np.array([self.point(i, "ssim", step) for step in CURVE]) for i in range(len(self.images))]

    def point(self, i, tune, step):
        """Logarithm of the size, SSIMULACRA2, and the logarithm of what MS-SSIM lacks."""
        picture, judge = self.images[i]
        encoded = profile._Encoder(picture, Settings(tune=tune)).attempt(step)
        unlike = np.log(1 - judge.ms_ssim(encoded.pixels))
        return np.log(len(encoded.data)), judge.ssimulacra2(encoded.pixels), -unlike

    def score(self, values):
        """Mean logarithm of the change of size at equal quality, by both measures: less is better."""
        tuning = replace(TUNINGS["visual"], fine=tuned(self.base, values), coarse=None)
        changes = []
        with (
            patch.dict(profile.TUNINGS, {"visual": tuning}),
            patch.multiple(colors, **{name: values.get(name, getattr(colors, name)) for name in AXES}),
        ):
            for i, curve in enumerate(self.curves):
                for step in self.steps:
                    size, *found = self.point(i, "visual", step)
                    changes.append([size - np.interp(found[m], curve[:, 1 + m], curve[:, 0]) for m in (0, 1)])
        return np.mean(changes, axis=0)

    def start(self):
        """Return the numbers of today, by name."""
        base = self.base
        values = {
            f"{kind} {i}": row[k] for i, row in enumerate(base.weights) for k, kind in enumerate(KINDS_OF_WEIGHTS)
        }
        values |= {"luma rate": base.rates.luma, "chroma rate": base.rates.chroma}
        values |= {name: getattr(base.masking, name) for name in MASKING}
        return values | {name: getattr(colors, name) for name in self.axes}


def tuned(base, values):
    """Return an emphasis with other numbers."""
    weights = tuple(tuple(values[f"{kind} {i}"] for kind in KINDS_OF_WEIGHTS) for i in range(len(base.weights)))
    rates = base.rates._replace(luma=values["luma rate"], chroma=values["chroma rate"])
    masking = replace(base.masking, **{name: values[name] for name in MASKING})
    return replace(base, weights=weights, rates=rates, masking=masking)


def search(bench, values, rounds):
    """Move each number up and down, keep what helps, and print it."""
    best = bench.score(values)
    print(f"start: {best * 100}")
    for turn in range(rounds):
        factor = FACTOR ** (0.6**turn)
        for name in values:
            for move in (factor, 1 / factor):
                tried = values | {name: values[name] * move}
                found = bench.score(tried)
                if bench.weights @ found < bench.weights @ best:
                    values, best = tried, found
                    print(f"{name} {values[name]:.3f}: SSIMULACRA2 {best[0]:+.2%}, MS-SSIM {best[1]:+.2%}", flush=True)
                    break
        print({name: round(float(value), 3) for name, value in values.items()}, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path("build/photographs"), metavar="DIR")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--coarse", action="store_true", help="fit the numbers for coarse steps")
    arguments = parser.parse_args()
    arguments.packages.mkdir(parents=True, exist_ok=True)
    bench = Bench(list(crops(arguments.packages)), arguments.coarse)
    search(bench, bench.start(), arguments.rounds)


if __name__ == "__main__":
    sys.exit(main())
