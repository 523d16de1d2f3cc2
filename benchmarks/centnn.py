#!/usr/bin/env python3
"""The centroid neural network, side by side: exact against NumPy, fast against our k-means, and a picture.

    python benchmarks/centnn.py [--threads 2] [--seeds 5] [--frames VIDEO] [--only PART] [-o PICTURE.png]

Exact: 1,000 rows in 10 groups, k 10, on one thread; the NumPy twin takes one vectorised row of distances a sample. Both
run to the end and give the same labels; ours is so short that a time is the median of 20 calls in a row, medians over
the seeds too. Fast: the 60,000 rows of benchmarks/clustering.py's `components` (k 150), in turn with our k-means;
medians over the seeds, after a first run that is not counted. The picture: the ways of 10 centres through the epochs of
the exact mode, on 2-D data.
"""

import argparse
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests import reference

ROOT = Path(__file__).resolve().parent.parent

SIDE = 900
SCALE = 48
FEATURES = (2, 8, 32)
CALLS = 20
K_OF_FRAMES = 150


def groups(n_features, seed=0):
    """1,000 rows around 10 places, (1000, n_features), float64."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(-7, 7, (10, n_features))
    return places[rng.integers(10, size=1000)] + rng.normal(size=(1000, n_features))


def seconds(task):
    start = time.perf_counter()
    result = task()
    return time.perf_counter() - start, result


def repeated(task):
    times, results = zip(*(seconds(task) for _ in range(CALLS)), strict=True)
    return statistics.median(times), results[-1]


def compare_exact(seeds):
    from clustering import CentNN, cent_nn

    print(f"{'exact, d':>10s}{'epochs':>8s}{'NumPy s':>10s}{'ours ms':>10s}{'ratio':>8s}{'fit ms':>10s}{'ratio':>8s}")
    for n_features in FEATURES:
        rows = []
        for seed in [0, *range(seeds)]:
            X = groups(n_features, seed)
            theirs, (labels, _, epochs) = seconds(lambda X=X: reference.centnn(X, 10))
            ours, found = repeated(lambda X=X: cent_nn(X, 10, mode="exact"))
            estimator, _ = repeated(lambda X=X: CentNN(10, mode="exact").fit(X))
            assert np.array_equal(found.labels, labels)
            rows.append((epochs, theirs, 1e3 * ours, theirs / ours, 1e3 * estimator, theirs / estimator))
        epochs, theirs, ours, ratio, estimator, other = map(statistics.median, zip(*rows[1:], strict=True))
        print(
            f"{n_features:10d}{epochs:8.0f}{theirs:10.3f}{ours:10.3f}{ratio:8.0f}{estimator:10.3f}{other:8.0f}",
            flush=True,
        )


def compare_fast(video, seeds, threads):
    from benchmarks.video_rows import component_rows
    from clustering import CentNN, KMeans

    X, k = component_rows(video), K_OF_FRAMES
    runs = {"CentNN": [], "KMeans": []}
    for seed in [0, *range(seeds)]:
        for name, estimator in (("CentNN", CentNN), ("KMeans", KMeans)):
            model = estimator(k, random_state=seed, n_threads=threads)
            runs[name].append((*seconds(lambda model=model: model.fit(X).inertia_), len(np.unique(model.labels_))))
    print(f"{'fast':>10s}{'seconds':>10s}{'inertia':>13s}{'clusters':>10s}    n {len(X)}, d {X.shape[1]}, k {k}")
    medians = {
        name: [statistics.median(column) for column in zip(*rows[1:], strict=True)] for name, rows in runs.items()
    }
    for name, (time_s, inertia, reached) in medians.items():
        print(f"{name:>10s}{time_s:10.3f}{inertia:13.6g}{reached:10.0f}")
    ours, theirs = medians["CentNN"], medians["KMeans"]
    print(
        f"CentNN takes {ours[0] / theirs[0]:.2f} times the time, and leaves {ours[1] / theirs[1]:.4f} times the inertia"
    )


def draw(path):
    from clustering import CentNN

    X = groups(2, seed=5)
    model = CentNN(10, mode="exact", history=True).fit(X)

    def place(point):
        return tuple(int(v) for v in np.round(SIDE / 2 + SCALE * point))

    canvas = np.full((SIDE, SIDE, 3), 255, np.uint8)
    colors = cv2.applyColorMap(np.linspace(0, 255, 10).astype(np.uint8), cv2.COLORMAP_TURBO).reshape(-1, 3).tolist()
    for row, label in zip(X, model.labels_, strict=True):
        pale = [int(200 + 0.2 * value) for value in colors[label]]
        cv2.circle(canvas, place(row), 3, pale, -1, cv2.LINE_AA)
    for c in range(10):
        way = [place(centers[c]) for centers in model.history_ if len(centers) > c]
        for before, after in pairwise(way):
            cv2.line(canvas, before, after, colors[c], 2, cv2.LINE_AA)
        for stop in way:
            cv2.circle(canvas, stop, 3, colors[c], -1, cv2.LINE_AA)
        cv2.circle(canvas, way[0], 7, colors[c], 2, cv2.LINE_AA)
        cv2.circle(canvas, way[-1], 9, (0, 0, 0), -1, cv2.LINE_AA)
        cv2.circle(canvas, way[-1], 7, colors[c], -1, cv2.LINE_AA)
    text = f"10 centres over {model.n_iter_} epochs: ring = split off, disc = end"
    cv2.putText(canvas, text, (16, 30), cv2.FONT_HERSHEY_SIMPLEX, 0.7, (0, 0, 0), 1, cv2.LINE_AA)
    if not cv2.imwrite(str(path), canvas):
        raise SystemExit(f"error: {path} could not be written")
    print(f"centres by epoch: {path}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frames", default=ROOT / "sample_data" / "mouse.mp4", help="video whose frames are clustered")
    parser.add_argument("--only", action="append", choices=["exact", "fast", "picture"])
    parser.add_argument("-o", "--output", type=Path, help="where to draw the centres by epoch, a .png")
    args = parser.parse_args()
    only = args.only or ["exact", "fast", "picture"]
    if "exact" in only:
        compare_exact(args.seeds)
    if "fast" in only:
        compare_fast(args.frames, args.seeds, args.threads)
    if "picture" in only and args.output:
        draw(args.output)


if __name__ == "__main__":
    main()
