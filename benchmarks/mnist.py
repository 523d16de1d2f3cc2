#!/usr/bin/env python3
"""Clusters of handwritten digits against what the digits are: mini-batch and full k-means, ours and scikit-learn's.

    python benchmarks/mnist.py [--seeds 20] [--data ../shared/data/mnist10k.npz] [-k K...] [--threads 2]
        [--only PART...] [--no-held-out] [-o digits.png] [--draw 64]

FILE.npz holds `images` (n, height, width) uint8 and `labels` (n,); without it, scikit-learn's 1,797 small digits are
used. Means over the seeds; every library clusters the same rows with its default settings (KMeans with one start). The
columns: seconds of a fit; inertia of pixels from 0 to 1; homogeneity; `matched`, the accuracy when each cluster stands
for a class of its own (Hungarian method, so at most 10 clusters count); `majority`, when each cluster is named after
most of its members; `held out`, the accuracy of those names on 2,000 digits that neither another fit nor the naming
saw, drawn anew for each seed (`--no-held-out` saves that fit). With -o the centres of one run are drawn, by name.
"""

import argparse
import sys
import time
import warnings
from pathlib import Path

import cv2
import numpy as np
from sklearn import cluster as scikit_learn
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import homogeneity_score
from threadpoolctl import threadpool_limits

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.digits import read_digits
from clustering import CentNN, KMeans, MiniBatchKMeans, clustering_accuracy, majority_accuracy, majority_map

HELD_OUT = 2000
COLUMNS = ("seconds", "inertia", "homogeneity", "matched", "majority", "held out")


def methods(k, seed, threads):
    """Name and estimator of each competitor; ours before theirs."""
    ours = {"random_state": seed, "n_threads": threads}
    return {
        "mini-batch, ours": MiniBatchKMeans(k, **ours),
        "mini-batch, scikit-learn": scikit_learn.MiniBatchKMeans(k, random_state=seed),
        "k-means, ours": KMeans(k, **ours),
        "k-means, scikit-learn": scikit_learn.KMeans(k, n_init=1, random_state=seed),
        "CentNN": CentNN(k, **ours),
    }


def fit(model, X, threads):
    with warnings.catch_warnings(), threadpool_limits(threads):
        warnings.simplefilter("ignore", ConvergenceWarning)
        start = time.perf_counter()
        model.fit(X)
        return time.perf_counter() - start


def figures(model, X, labels, threads):
    """Measure a fit on all digits: the columns but the last."""
    seconds = fit(model, X, threads)
    found = model.labels_
    return (
        seconds,
        float(np.square(X - model.cluster_centers_[found], dtype=np.float64).sum()),
        homogeneity_score(labels, found),
        clustering_accuracy(labels, found),
        majority_accuracy(labels, found),
    )


def held_out_accuracy(model, X, labels, seed, threads):
    """Accuracy on digits that were neither clustered nor used to name the clusters; a nameless cluster is wrong."""
    order = np.random.default_rng(seed).permutation(len(X))
    n_held_out = min(HELD_OUT, len(X) // 5)
    unseen, seen = order[:n_held_out], order[n_held_out:]
    fit(model, X[seen], threads)
    names = majority_map(labels[seen], model.labels_, n_clusters=len(model.cluster_centers_))
    return float(np.mean(names[model.predict(X[unseen])] == labels[unseen]))


def measure(X, labels, k, seeds, threads, only, held_out):
    rows = {}
    for seed in range(seeds):
        for name, model in methods(k, seed, threads).items():
            if not any(part in name for part in only):
                continue
            row = figures(model, X, labels, threads)
            rest = held_out_accuracy(model, X, labels, seed, threads) if held_out else np.nan
            rows.setdefault(name, []).append((*row, rest))
    return {name: np.mean(runs, axis=0) for name, runs in rows.items()}


def print_rows(k, rows):
    for name, row in rows.items():
        seconds, inertia, *shares = row
        print(f"{k:4d}  {name:26s}{seconds:9.3f}{inertia:11.1f}" + "".join(f"{share:12.4f}" for share in shares))
    for algorithm in ("mini-batch", "k-means"):
        pair = [rows.get(f"{algorithm}, {library}") for library in ("ours", "scikit-learn")]
        if all(row is not None for row in pair):
            ours, theirs = pair
            ratios = f"{ours[0] / theirs[0]:9.3f}{ours[1] / theirs[1]:11.4f}"
            print(
                f"      {algorithm + ', ratio|difference':26s}{ratios}"
                + "".join(f"{d:+12.4f}" for d in (ours - theirs)[2:])
            )
    sys.stdout.flush()


def draw(X, labels, shape, k, threads, path):
    """Write a picture of the centres: a panel a method, the digits in the order of their names."""
    panels = []
    for name, model in methods(k, 0, threads).items():
        if name.endswith("scikit-learn"):
            continue
        fit(model, X, threads)
        names = majority_map(labels, model.labels_, n_clusters=len(model.cluster_centers_))
        panels.append(panel(model.cluster_centers_[np.argsort(names, kind="stable")], shape, name))
    done, data = cv2.imencode(".png", np.concatenate(panels, axis=1))
    if not done:
        raise SystemExit(f"error: the picture for {path} could not be encoded")
    path.write_bytes(data)


def panel(centers, shape, title, side=28, margin=2):
    """Centres as gray tiles in rows, below a title."""
    across = int(np.ceil(np.sqrt(len(centers))))
    down = -(-len(centers) // across)
    step, head = side + margin, 24
    canvas = np.full((head + down * step + margin, max(across * step + margin, 160)), 64, np.uint8)
    cv2.putText(canvas, title, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.45, 255, 1, cv2.LINE_AA)
    for number, center in enumerate(centers):
        tile = np.clip(np.rint(center.reshape(shape) * 255), 0, 255).astype(np.uint8)
        top, left = head + number // across * step, margin + number % across * step
        canvas[top : top + side, left : left + side] = cv2.resize(tile, (side, side), interpolation=cv2.INTER_AREA)
    return canvas


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--data", type=Path, metavar="FILE.npz", help="images and labels [scikit-learn's digits]")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-k", "--clusters", type=int, nargs="+", default=[10, 16, 36, 64, 144, 256])
    parser.add_argument(
        "--only", nargs="+", default=[""], metavar="PART", help="methods whose name contains one of these"
    )
    parser.add_argument("--held-out", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("-o", "--output", type=Path, metavar="PICTURE.png", help="draw the centres")
    parser.add_argument("--draw", type=int, default=64, metavar="K", help="how many centres to draw [64]")
    args = parser.parse_args()
    X, labels, shape = read_digits(args.data)
    if args.output:
        draw(X, labels, shape, args.draw, args.threads, args.output)
    print(f"{len(X)} digits of {shape[0]} x {shape[1]} pixels, {args.seeds} seeds, {args.threads} threads")
    for model in methods(10, 0, args.threads).values():
        # The first call compiles or loads the kernels.
        fit(model, X, args.threads)
    widths = (9, 11, 12, 12, 12, 12)
    print(
        f"{'k':>4s}  {'method':26s}" + "".join(f"{name:>{width}s}" for name, width in zip(COLUMNS, widths, strict=True))
    )
    for k in args.clusters:
        print_rows(k, measure(X, labels, k, args.seeds, args.threads, args.only, args.held_out))


if __name__ == "__main__":
    main()
