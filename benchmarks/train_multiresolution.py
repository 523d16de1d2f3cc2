#!/usr/bin/env python3
"""Train the codebooks and the models that the multi-resolution profile comes with.

    python benchmarks/train_multiresolution.py [--packages DIR] [-o quantize/multiresolution/known2.npz]

The photographs come from the Debian packages `mate-backgrounds` and `plasma-workspace-wallpapers`, which `apt-get
download` fetches into DIR unless they are there, and from scikit-learn; PHOTOGRAPHS lists each with its licence. They
are scaled down to the sizes of WIDTHS. Nothing else is trained on, and none of them is in any of the usual test sets.

1. Vectors of all levels at several steps, tuned for PSNR; k-means of the core finds the codewords, entropy-constrained
   turns refine them (P. A. Chou, T. Lookabaugh and R. M. Gray, 1989).
2. The tree of decisions splits the codewords where both sides are used as often, along the axis in which they differ
   most, so that a decision means something: larger, or more across than down.
3. Each photograph is coded at each step, tuned for PSNR and for the eye, by models that know nothing. A cell begins
   with the mean of what they have learnt, and counts the more the better they agree.
4. They are all coded again from there; the mixing weights begin with the mean of where they end.

The same photographs give the same file, with the same versions of Pillow and NumPy. It takes about three minutes.
"""

import argparse
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

# This folder has a module of the package's name.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from clustering import k_means
from quantize.block.kernels.choice import assign_by_rate
from quantize.datatypes import Picture, Settings
from quantize.entropy.kernels.coder import START_CELL
from quantize.multiresolution.books import KINDS, Known, new_model, pack_known, tree_paths
from quantize.multiresolution.coder import Bands, code_stripe
from quantize.multiresolution.colors import inverse
from quantize.multiresolution.editions import EDITIONS, NEWEST
from quantize.multiresolution.kernels.details import UNITS, Book
from quantize.multiresolution.kernels.surroundings import N_FEW_SIZES
from quantize.multiresolution.layout import PLAIN_CLASS, STEP_UNITS, detail_steps
from quantize.multiresolution.profile import _Encoder
from quantize.multiresolution.transform import analyse

ROOT = Path(__file__).resolve().parent.parent

MATE, PLASMA = "usr/share/backgrounds/mate/nature", "usr/share/wallpapers"
# Package, file in it, licence as the package's copyright file has it.
PHOTOGRAPHS = [
    *(
        ("mate-backgrounds", f"{MATE}/{name}.jpg", "GPL-2+")
        for name in (
            "Aqua",
            "Blinds",
            "Dune",
            "FreshFlower",
            "Garden",
            "GreenMeadow",
            "LadyBird",
            "RainDrops",
            "Storm",
            "TwoWings",
            "Wood",
            "YellowFlower",
        )
    ),
    *(
        ("plasma-workspace-wallpapers", f"{PLASMA}/{name}/contents/images/2560x1600.jpg", "GPL-2+")
        for name in (
            "Autumn",
            "BytheWater",
            "ColdRipple",
            "ColorfulCups",
            "EveningGlow",
            "FallenLeaf",
            "Grey",
            "Kite",
            "OneStandsOut",
            "Path",
            "summer_1am",
        )
    ),
    ("plasma-workspace-wallpapers", f"{PLASMA}/Volna/contents/images/5120x2880.jpg", "GPL-2+"),
    ("scikit-learn", "flower.jpg", "CC-BY 2.0"),
]
WIDTHS = (640, 960)
STEPS = (4, 7, 12, 20, 34)
RATE = 0.08
N_CODEWORDS = {"luma": 160, "chroma": 160}
TURNS = 10
# Vectors of each band of each photograph, and of all of them.
BAND_VECTORS, ALL_VECTORS, SEED_VECTORS = 2000, 300_000, 60_000
# A codeword serves vectors of up to so many steps in any direction; others are coded as whole numbers.
REACH = 6.0
# Uses that a cell counts for at most when it begins.
MOST_USES = 60


def photographs(folder):
    """Pixels of all photographs in all sizes."""
    for package in sorted({package for package, _, _ in PHOTOGRAPHS} - {"scikit-learn"}):
        if not any(folder.glob(f"{package}_*.deb")):
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
    with tempfile.TemporaryDirectory() as unpacked:
        for deb in folder.glob("*.deb"):
            subprocess.run(["dpkg", "-x", deb, unpacked], check=True)
        for package, name, _ in PHOTOGRAPHS:
            if package == "scikit-learn":
                from sklearn.datasets import load_sample_image

                image = Image.fromarray(load_sample_image(name))
            else:
                image = Image.open(Path(unpacked) / name).convert("RGB")
            for width in WIDTHS:
                size = width, round(image.height * width / image.width)
                yield np.asarray(image.resize(size, Image.Resampling.LANCZOS))


def work_of(pixels, tune):
    """Return a photograph's encoder of a tuning, and its details."""
    encoder = _Encoder(Picture(pixels), Settings(tune=tune))
    # What is shipped was trained before coarse steps had a tuning of their own.
    encoder.tuning = replace(encoder.tuning, coarse=None)
    return encoder, analyse(pixels, inverse(encoder.matrix), encoder.layout)[1]


def collect(works, rng):
    """Sizes of the vectors' components in steps, of those that a codeword may serve."""
    found = {kind: [] for kind in KINDS}
    for encoder, details in works:
        for step in STEPS:
            for level, groups in enumerate(details, 1):
                for kind, band, units in zip(KINDS, groups, encoder.steps(step * STEP_UNITS).at(level), strict=True):
                    n = band.shape[2]
                    steps = detail_steps(units, level, n)[PLAIN_CLASS]
                    # Samples are 8ths of a gray level, steps 65,536ths.
                    vectors = np.abs(band.reshape(-1, n)) * (8192 / steps).astype(np.float32)
                    squares = np.square(vectors).sum(axis=1)
                    vectors = vectors[(squares > 6 * RATE) & (vectors.max(axis=1) < REACH)]
                    if len(vectors) > BAND_VECTORS:
                        vectors = vectors[rng.choice(len(vectors), BAND_VECTORS, replace=False)]
                    found[kind].append(vectors.astype(np.float32))
    return {kind: rng.permutation(np.concatenate(parts))[:ALL_VECTORS] for kind, parts in found.items()}


def n_signs(codewords):
    """How many signs go with each codeword."""
    return (np.rint(codewords * UNITS) > 0).sum(axis=1)


def train(vectors, n_codewords):
    """Entropy-constrained codewords, and how often each is used."""
    codewords = k_means(vectors[:SEED_VECTORS], n_codewords, max_iter=10, random_state=0, n_threads=1).centers
    counts = np.ones(n_codewords)
    for _ in range(TURNS):
        rates = np.log2(counts.sum() / counts) + n_signs(codewords)
        norms = (np.square(codewords).sum(axis=1) + RATE * rates).astype(np.float32)
        sums, counts = np.zeros(codewords.shape), np.zeros(len(codewords))
        assign_by_rate(vectors, np.ascontiguousarray(codewords.T), norms, sums, counts)
        used = counts > len(vectors) * 2e-5
        codewords = (sums[used] / counts[used, None]).astype(np.float32)
        # A small component is better left out: it would cost a sign.
        codewords[codewords < 0.25] = 0
        counts = counts[used]
    kept = n_signs(codewords) > 0
    return codewords[kept], counts[kept]


def split(codewords, counts, members, children):
    """Split codewords in two, and these again; return the number of the node, or the leaf."""
    if len(members) == 1:
        return -1 - int(members[0])
    node = len(children)
    children.append([0, 0])
    # The root takes the edge off large differences.
    points, weights = np.sqrt(codewords[members]), counts[members]
    _, axes = np.linalg.eigh(np.cov(points.T, aweights=weights))
    axis = axes[:, -1] * (1 if axes[:, -1].sum() >= 0 else -1)
    order = members[np.argsort(np.round(points @ axis, 6), kind="stable")]
    sums = np.cumsum(counts[order])
    first = min(int(np.argmin(np.abs(sums - sums[-1] / 2))) + 1, len(members) - 1)
    children[node] = [split(codewords, counts, part, children) for part in (order[:first], order[first:])]
    return node


def make_book(codewords, counts):
    """Make a codebook ready for coding."""
    # Vectors out of reach stand beside the largest codewords.
    codewords = np.concatenate([codewords, np.full((1, codewords.shape[1]), REACH + 2)])
    counts = np.concatenate([counts, [counts.sum() / 100]])
    children = []
    split(codewords, counts, np.arange(len(counts)), children)
    children = np.array(children, np.int32)
    units = np.rint(codewords * UNITS).astype(np.int16)
    units[-1] = 0
    rates = np.log2(counts.sum() / counts) + n_signs(units / UNITS)
    rates = np.repeat(rates[None].astype(np.float32), N_FEW_SIZES, axis=0)
    columns = np.ascontiguousarray(units.T / np.float32(UNITS), np.float32)
    return Book(units, children, *tree_paths(children), columns, rates)


def code_all(works, known):
    """Code all photographs at all steps, each from what is known; yield the models after each."""
    for encoder, details in works:
        layout, rates = encoder.layout, encoder.tuning.fine.rates
        levels = range(layout.n_levels, 0, -1)
        for step in STEPS:
            models, steps = known.fresh(), encoder.steps(step * STEP_UNITS)
            copies = [[band.copy() for band in groups] for groups in details]
            bands = Bands(copies, layout, steps, models, rates)
            for stripe in range(layout.n_stripes):
                code_stripe(bands, None, stripe, levels)
            yield models.models


def mean_cells(works, known):
    """Cells that begin with the mean of what models that know nothing have learnt."""
    sums = {kind: np.zeros((3, len(known.models[kind].cells.table))) for kind in KINDS}
    for models in code_all(works, known):
        for kind in KINDS:
            table = models[kind].cells.table
            uses, ones = (table & 511).astype(float), (table >> 9) / 2**22
            sums[kind] += uses, uses * ones, uses * ones**2
    found = {}
    for kind in KINDS:
        uses, first, second = sums[kind]
        used = uses > 0
        mean = np.where(used, first / np.maximum(uses, 1), 0.5)
        variance = np.where(used, second / np.maximum(uses, 1), 1) - mean**2
        # As many as a beta distribution of this variance is worth.
        agreed = mean * (1 - mean) / np.maximum(variance, 1e-6)
        counts = np.clip(np.rint(np.minimum(agreed, uses)), 0, MOST_USES).astype(np.int64)
        cells = np.clip(np.rint(mean * 2**22), 1, 2**22 - 1).astype(np.int64) << 9 | counts
        model = known.models[kind]
        table = np.where(used, cells, START_CELL).astype(np.int32)
        found[kind] = model._replace(cells=model.cells._replace(table=table))
    return Known(known.books, found)


def mean_weights(works, known):
    """Weights that begin with the mean of where they end."""
    ends = {kind: [] for kind in KINDS}
    for models in code_all(works, known):
        for kind in KINDS:
            ends[kind].append(models[kind].cells.weights)
    models = {}
    for kind in KINDS:
        model = known.models[kind]
        weights = np.rint(np.mean(ends[kind], axis=0)).astype(np.int32)
        models[kind] = model._replace(cells=model.cells._replace(weights=weights))
    return Known(known.books, models)


def with_rates(known):
    """Codebooks with the rates that the models begin with, by what is near a vector."""
    books = {}
    for kind, book in known.books.items():
        table, starts = known.models[kind].cells.table, known.models[kind].starts
        n_nodes = len(book.children)
        size = N_FEW_SIZES * N_FEW_SIZES * n_nodes
        cells = table[starts[1, 1] : starts[1, 1] + size].reshape(N_FEW_SIZES, N_FEW_SIZES, n_nodes)
        uses, ones = (cells & 511) + 0.01, (cells >> 9) / 2**22
        ones = (uses * ones).sum(axis=1) / uses.sum(axis=1)
        rates = np.zeros((N_FEW_SIZES, len(book.codewords)))
        for j, length in enumerate(book.lengths):
            taken = ones[:, book.nodes[j, :length]]
            rates[:, j] = -np.log2(np.where(book.bits[j, :length] == 1, taken, 1 - taken)).sum(axis=1)
        rates += n_signs(book.codewords / UNITS)
        books[kind] = book._replace(rates=rates.astype(np.float32))
    return Known(books, known.models)


def train_known(images):
    """Codebooks and models for a list of photographs."""
    works = [work_of(pixels, "psnr") for pixels in images]
    vectors = collect(works, np.random.default_rng(0))
    books = {kind: make_book(*train(vectors[kind], N_CODEWORDS[kind])) for kind in KINDS}
    known = Known(books, {kind: new_model(len(book.children)) for kind, book in books.items()})
    works += [work_of(pixels, "visual") for pixels in images]
    known = with_rates(mean_cells(works, known))
    return mean_weights(works, known)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", type=Path, default=Path("build/photographs"), metavar="DIR")
    file = ROOT / "quantize" / "multiresolution" / EDITIONS[NEWEST].file
    parser.add_argument("-o", "--output", type=Path, default=file)
    arguments = parser.parse_args()
    arguments.packages.mkdir(parents=True, exist_ok=True)
    known = train_known(list(photographs(arguments.packages)))
    np.savez_compressed(arguments.output, **pack_known(known))
    sizes = {kind: len(book.codewords) for kind, book in known.books.items()}
    print(f"{arguments.output}: {arguments.output.stat().st_size} bytes, codewords {sizes}")


if __name__ == "__main__":
    main()
