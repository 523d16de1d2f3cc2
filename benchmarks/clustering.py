#!/usr/bin/env python3
"""k-means on four real works, ours, scikit-learn, scikit-learn-intelex and faiss in turn; and CentNN against NumPy.

    python benchmarks/clustering.py [--threads 2] [--seeds 5] [--frames VIDEO] [--only WORK]
        [--scaling [-o PICTURE.png]]

The works: the pixels of scikit-learn's china.jpg and its 4x4 blocks (k 256); positions drawn on a video's 64x64 gray
frames, interpolated between neighbours, with noise of 1 level: 60,000 after PCA-32 and 6,000 as pixels (k 150).
Everyone runs to convergence with default tolerance; faiss for 25 iterations over all points. Medians over the seeds,
after a first run that is not counted, and each after a pause, as threads of OpenMP and BLAS spin on for a while. The
bare matrix product n x d x k is the limit of one unpruned iteration.
The centroid neural network (exact, 1,000 rows, k 10) is set against its NumPy twin, as benchmarks/centnn.py does.
--scaling measures instead how the time of 20 iterations grows from 10,000 to 1,000,000 rows (32 components, k 150):
the exponent a of n^a, without the seeding (given centres) and with it, and a plot of both.
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

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.video_rows import component_rows, read_thumbnails, rows_between_frames

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = ROOT / "sample_data" / "mouse.mp4"
WORKS = ("pixels", "blocks", "components", "frames", "centnn")

PAUSE_S = 0.5


def pixels():
    from sklearn.datasets import load_sample_image

    return load_sample_image("china.jpg").reshape(-1, 3).astype(np.float32), 256


def blocks():
    from sklearn.datasets import load_sample_image

    image = load_sample_image("china.jpg")
    height, width = (side // 4 * 4 for side in image.shape[:2])
    tiles = image[:height, :width].reshape(height // 4, 4, width // 4, 4, 3).swapaxes(1, 2)
    return tiles.reshape(-1, 48).astype(np.float32), 256


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
            time.sleep(PAUSE_S)
            start = time.perf_counter()
            inertia, n_iter = fit(X, k, seed, threads)
            runs[name].append((time.perf_counter() - start, inertia, n_iter))
    return {name: [statistics.median(column) for column in zip(*row[1:], strict=True)] for name, row in runs.items()}


def compare_k_means(works, seeds, threads):
    if not works:
        return
    print(
        f"{'work':12s}{'library':14s}{'seconds':>9s}{'inertia':>13s}{'iterations':>11s}{'speed-up':>12s}{'ours/inertia':>14s}"
    )
    speed_ups = []
    for work, load in works.items():
        X, k = load()
        rows = measure(X, k, seeds, threads)
        ours = rows["ours"]
        speed_ups.append(rows["scikit-learn"][0] / ours[0])
        for name, (seconds, inertia, n_iter) in rows.items():
            print(
                f"{work:12s}{name:14s}{seconds:9.3f}{inertia:13.6g}{n_iter:11.0f}"
                f"{seconds / ours[0]:12.2f}{ours[1] / inertia:14.4f}",
                flush=True,
            )
        seconds = bare_product(X, k, threads)
        print(f"{work:12s}{'bare product':14s}{seconds:9.3f}   n {len(X)}, d {X.shape[1]}, k {k}")
    print(f"geometric mean of the speed-ups over scikit-learn: {np.exp(np.mean(np.log(speed_ups))):.2f}")


def growth(video, threads, seeds):
    """Seconds of 20 iterations, without and with the seeding, at growing numbers of rows."""
    from sklearn.decomposition import PCA

    from clustering import k_means

    # Interpolated among the components: noise on the pixels is the same noise on orthonormal components.
    positions = PCA(32, svd_solver="randomized", random_state=0).fit_transform(read_thumbnails(video))
    rows = []
    for n_samples in (10_000, 31_623, 100_000, 316_228, 1_000_000):
        rng = np.random.default_rng(0)
        place = rng.uniform(0, len(positions) - 1.001, n_samples)
        before, share = place.astype(int), (place % 1).astype(np.float32)[:, None]
        X = positions[before] * (1 - share) + positions[before + 1] * share
        X = (X + rng.standard_normal(X.shape)).astype(np.float32)
        seconds = []
        for init in (X[:150], "exchange"):
            runs = []
            for seed in range(seeds):
                start = time.perf_counter()
                k_means(X, 150, init=init, max_iter=20, tol=0, random_state=seed, n_threads=threads)
                runs.append(time.perf_counter() - start)
            seconds.append(statistics.median(runs))
        rows.append((n_samples, *seconds))
    return np.array(rows)


def print_growth(rows):
    print(f"{'rows':>9s}{'iterations s':>14s}{'with seeding s':>16s}")
    for n_samples, without, including in rows:
        print(f"{n_samples:9.0f}{without:14.3f}{including:16.3f}")
    logs = np.log(rows)
    slopes = [np.polyfit(logs[:, 0], logs[:, column], 1)[0] for column in (1, 2)]
    print(f"time grows as n^a, a = {slopes[0]:.3f} without the seeding, {slopes[1]:.3f} with it")


def draw_growth(rows, path):
    """Plot both times over the rows, on logarithmic axes with a line for each power of ten."""
    height, width, margin = 480, 640, 70
    picture = np.full((height, width, 3), 255, np.uint8)
    logs = np.log10(rows)
    low = np.array([logs[:, 0].min(), np.floor(logs[:, 1:].min())])
    high = np.array([logs[:, 0].max(), np.ceil(logs[:, 1:].max())])

    def place(x, y):
        right = margin + (x - low[0]) / (high[0] - low[0]) * (width - 2 * margin)
        down = height - margin - (y - low[1]) / (high[1] - low[1]) * (height - 2 * margin)
        return round(right), round(down)

    def write(text, where, color=(60, 60, 60)):
        cv2.putText(picture, text, where, cv2.FONT_HERSHEY_SIMPLEX, 0.45, color, 1, cv2.LINE_AA)

    for power in range(int(np.ceil(low[0])), int(high[0]) + 1):
        cv2.line(picture, place(power, low[1]), place(power, high[1]), (220, 220, 220), 1)
        write(f"{10**power:,}", (place(power, low[1])[0] - 30, height - margin + 20))
    for power in range(int(low[1]), int(high[1]) + 1):
        cv2.line(picture, place(low[0], power), place(high[0], power), (220, 220, 220), 1)
        write(f"{10.0**power:g} s", (8, place(low[0], power)[1] + 5))
    for column, name, color in ((1, "20 iterations", (180, 110, 30)), (2, "with seeding", (40, 90, 210))):
        points = np.array([place(x, y) for x, y in logs[:, [0, column]]], np.int32)
        cv2.polylines(picture, [points], False, color, 2, cv2.LINE_AA)
        for point in points:
            cv2.circle(picture, [int(value) for value in point], 4, color, -1, cv2.LINE_AA)
        write(name, (margin + 12, margin + 20 * column), color)
    write("rows", (width // 2, height - 20))
    Path(path).write_bytes(cv2.imencode(".png", picture)[1].tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--frames", default=SAMPLE, help="video for the two works on frames")
    parser.add_argument("--only", action="append", choices=WORKS, metavar="WORK", help=f"one of: {', '.join(WORKS)}")
    parser.add_argument("--scaling", action="store_true", help="how the time grows with the rows, instead")
    parser.add_argument("-o", "--output", metavar="PICTURE.png", help="plot of the scaling")
    args = parser.parse_args()
    if args.scaling:
        rows = growth(args.frames, args.threads, args.seeds)
        print_growth(rows)
        if args.output:
            draw_growth(rows, args.output)
        return
    works = {
        "pixels": pixels,
        "blocks": blocks,
        "components": lambda: (component_rows(args.frames), 150),
        "frames": lambda: (rows_between_frames(args.frames, 6000), 150),
    }
    chosen = args.only or WORKS
    compare_k_means({name: works[name] for name in chosen if name != "centnn"}, args.seeds, args.threads)
    if "centnn" in chosen:
        from benchmarks.centnn import compare_exact

        compare_exact(args.seeds)


if __name__ == "__main__":
    main()
