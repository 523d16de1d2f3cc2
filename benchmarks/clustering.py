#!/usr/bin/env python3
"""k-means on four real works: ours, scikit-learn, scikit-learn-intelex and faiss in turn, on the same threads.

    python benchmarks/clustering.py [--threads 2] [--seeds 5] [--frames VIDEO]

The works: the pixels of scikit-learn's china.jpg and its 4x4 blocks (k 256); positions drawn on a video's 64x64 gray
frames, interpolated between neighbours, with noise of 1 level: 60,000 after PCA-32 and 6,000 as pixels (k 150).
Everyone runs to convergence with default tolerance; faiss for 25 iterations over all points. Medians over the seeds,
after a first run that is not counted. The bare matrix product n x d x k is the limit of one unpruned iteration.
Libraries that are not installed (`pip install faiss-cpu scikit-learn-intelex`) are left out.
"""

import argparse
import importlib.util
import statistics
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sample_data" / "mouse.mp4"
# This file would hide the package of its name, `clustering`, from the imports below.
sys.path[0] = str(ROOT)


def pixels():
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg").reshape(-1, 3).astype(np.float32), 256


def blocks():
    from sklearn.datasets import load_sample_image

    image = load_sample_image("china.jpg")
    height, width = (side // 4 * 4 for side in image.shape[:2])
    tiles = image[:height, :width].reshape(height // 4, 4, width // 4, 4, 3).swapaxes(1, 2)
    return tiles.reshape(-1, 48).astype(np.float32), 256


def frames(video, n_samples):
    """Positions between the frames of a video, (n_samples, 4096), float32, seeded."""
    capture = cv2.VideoCapture(str(video))
    thumbnails = []
    while True:
        ok, image = capture.read()
        if not ok:
            break
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        thumbnails.append(cv2.resize(gray, (64, 64), interpolation=cv2.INTER_AREA).reshape(-1))
    thumbnails = np.array(thumbnails, np.float32)
    rng = np.random.default_rng(0)
    place = np.sort(rng.uniform(0, len(thumbnails) - 1.001, n_samples))
    before, share = place.astype(int), (place % 1).astype(np.float32)[:, None]
    noise = rng.standard_normal((n_samples, 4096), dtype=np.float32)
    return thumbnails[before] * (1 - share) + thumbnails[before + 1] * share + noise


def frame_components(video):
    from sklearn.decomposition import PCA

    basis = PCA(32, svd_solver="randomized", random_state=0).fit(frames(video, 4000))
    parts = [basis.transform(part) for part in np.array_split(frames(video, 60_000), 12)]
    return np.concatenate(parts).astype(np.float32), 150


def fit_ours(X, k, seed, threads):
    from clustering import KMeans

    model = KMeans(k, random_state=seed, n_threads=threads).fit(X)
    return model.inertia_, model.n_iter_


def fit_scikit_learn(X, k, seed, threads):
    from sklearn.cluster import KMeans

    with threadpool_limits(threads):
        model = KMeans(k, n_init=1, random_state=seed).fit(X)
    return model.inertia_, model.n_iter_


def fit_intelex(X, k, seed, threads):
    from sklearnex.cluster import KMeans

    with threadpool_limits(threads):
        model = KMeans(k, n_init=1, random_state=seed).fit(X)
    return model.inertia_, model.n_iter_


def fit_faiss(X, k, seed, threads):
    import faiss

    faiss.omp_set_num_threads(threads)
    model = faiss.Kmeans(
        X.shape[1], k, niter=25, seed=seed + 1, max_points_per_centroid=10**9, min_points_per_centroid=1
    )
    model.train(X)
    distances, _ = model.index.search(X, 1)
    return float(distances.sum(dtype=np.float64)), 25


def bare_product(X, k, threads):
    centers = np.ascontiguousarray(X[:k].T)
    with threadpool_limits(threads):
        X @ centers
        start = time.perf_counter()
        X @ centers
        return time.perf_counter() - start


def installed():
    libraries = {"ours": fit_ours, "scikit-learn": fit_scikit_learn}
    if importlib.util.find_spec("sklearnex"):
        libraries["intelex"] = fit_intelex
    if importlib.util.find_spec("faiss"):
        libraries["faiss"] = fit_faiss
    return libraries


def measure(X, k, seeds, threads):
    libraries = installed()
    runs = {name: [] for name in libraries}
    for seed in [0, *range(seeds)]:
        for name, fit in libraries.items():
            start = time.perf_counter()
            inertia, n_iter = fit(X, k, seed, threads)
            runs[name].append((time.perf_counter() - start, inertia, n_iter))
    return {name: [statistics.median(column) for column in zip(*row[1:], strict=True)] for name, row in runs.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frames", default=SAMPLE, help="video for the two works on frames")
    parser.add_argument("--only", action="append", help="one of: pixels, blocks, components, frames")
    args = parser.parse_args()
    works = {
        "pixels": pixels,
        "blocks": blocks,
        "components": lambda: frame_components(args.frames),
        "frames": lambda: (frames(args.frames, 6000), 150),
    }
    print(
        f"{'work':12s}{'library':14s}{'seconds':>9s}{'inertia':>13s}{'iterations':>11s}{'speed-up':>12s}{'ours/inertia':>14s}"
    )
    speed_ups = []
    for work in args.only or works:
        X, k = works[work]()
        rows = measure(X, k, args.seeds, args.threads)
        ours = rows["ours"]
        speed_ups.append(rows["scikit-learn"][0] / ours[0])
        for name, (seconds, inertia, n_iter) in rows.items():
            print(
                f"{work:12s}{name:14s}{seconds:9.3f}{inertia:13.6g}{n_iter:11.0f}"
                f"{seconds / ours[0]:12.2f}{ours[1] / inertia:14.4f}",
                flush=True,
            )
        seconds = bare_product(X, k, args.threads)
        print(f"{work:12s}{'bare product':14s}{seconds:9.3f}   n {len(X)}, d {X.shape[1]}, k {k}")
    print(f"geometric mean of the speed-ups over scikit-learn: {np.exp(np.mean(np.log(speed_ups))):.2f}")


if __name__ == "__main__":
    main()
