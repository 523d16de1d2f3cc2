#!/usr/bin/env python3
"""How well do the chosen frames cover the poses of a recording? Measured against every n-th frame.

    python benchmarks/coverage.py                                 renders recordings of its own, with true poses
    python benchmarks/coverage.py VIDEO POSES.npz [VIDEO POSES.npz ...] [--rest] [--seeds 5] [--ablation] [--tools]

POSES.npz holds ``poses``, float32 (n_frames, n_animals, n_nodes, 2), pixels, NaN where a node is missing; gaps are
filled by straight lines in time. ``--rest`` measures the resting test of each video as well: six rests of 633 frames,
each one frame with fresh noise (2 gray levels) and drifting light (2 %), between five runs of 40 frames. Gaps are
filled before that is put together, so that a pose at rest stands still.

Of every frame the distance to the nearest chosen one is taken, in body radii (the median root mean square distance of
an animal's nodes from their mean), the animals matched as fits best:

    scene     root mean square distance of the nodes: place and posture
    posture   the same after each animal's translation and rotation are taken away
    balanced  posture, each of 40 posture modes weighing the same

A score is the geometric mean of the three means, each as a ratio to that of as many evenly spaced frames (mean of 16
phases). Below 1 is better than every n-th frame. ``--ablation`` leaves out one part of the default after the other.

``--tools`` measures how the labelling tools choose, too. Their procedures are written anew here:

random frames      DeepLabCut's "uniform" and SLEAP's "sample, random"
DeepLabCut         "kmeans" of DeepLabCut 3.0.2, step 1: pictures 30 pixels wide by nearest neighbour, the mean of their
                   channels, MiniBatchKMeans, a random member of each cluster
Lightning Pose     its app's: 64 x 64 pixels in colour, the half of the frames before which most changes, 32 principal
                   components, KMeans, the member nearest to each centre
"""

import argparse
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import permutations
from pathlib import Path

import cv2
import numpy as np
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.other_ways import deeplabcut_picks, deeplabcut_row
from benchmarks.posed_recordings import filled, in_pairs, rendered, resting
from clustering import k_medoids
from keyframes.choice.animals import find_animals
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.covering import N_SCALED, PICTURE_SCALE, STEP_SHARE, scene_distances
from keyframes.sampling import nearest_of
from keyframes.scan.first_pass import scan_video
from keyframes.scan.scan import Scan
from keyframes.settings import Settings
from keyframes.video import VideoReader

KS = (20, 50, 100)
# Of short recordings no more than this share of the frames.
MOST_SHARE = 0.45
N_MODES, N_PHASES = 40, 16
RESTING = ("two mice", "white mouse")


class Truth:
    """True distances between all frames of a recording.

    Parameters
    ----------
    poses : array (n_frames, n_animals, n_nodes, 2), without NaN
    counted : array (n_counted,) or None
        Rows of the frames whose distances count, growing and evenly spread over the recording; None for all of them.
    """

    def __init__(self, poses: np.ndarray, counted: np.ndarray | None = None) -> None:
        nodes = poses[..., 0] + 1j * poses[..., 1]
        shapes = nodes - nodes.mean(axis=2, keepdims=True)
        radius = np.median(np.sqrt((np.abs(shapes) ** 2).mean(axis=2)))
        self.scene = self._matched(nodes / radius, turned=False)
        self.posture = self._matched(shapes / radius, turned=True)
        self.counted = np.arange(len(poses)) if counted is None else counted
        modes, labels = k_medoids(self.posture[np.ix_(self.counted, self.counted)], N_MODES)
        self.weights = 1 / np.bincount(labels, minlength=len(modes))[labels] / len(np.unique(labels))

    @staticmethod
    def _matched(z: np.ndarray, turned: bool) -> np.ndarray:
        """Distances (n_frames, n_frames); of shapes that are turned onto each other, the least over all rotations."""
        n_frames, n_animals, n_nodes = z.shape
        energy = (np.abs(z) ** 2).mean(axis=2)
        best = np.full((n_frames, n_frames), np.inf)
        for order in permutations(range(n_animals)):
            total = np.zeros((n_frames, n_frames))
            for here, there in enumerate(order):
                product = z[:, here] @ z[:, there].conj().T / n_nodes
                total += (
                    energy[:, here, None] + energy[None, :, there] - 2 * (np.abs(product) if turned else product.real)
                )
            np.minimum(best, total, out=best)
        return np.sqrt(np.maximum(best / n_animals, 0)).astype(np.float32)

    def measure(self, chosen: np.ndarray) -> np.ndarray:
        """Scene, posture and balanced mean distance to the nearest of the chosen frames."""
        nearest = np.ix_(chosen, self.counted)
        scene, posture = self.scene[nearest].min(axis=0), self.posture[nearest].min(axis=0)
        # One frame that was labelled wrongly must not decide.
        posture = np.minimum(posture, np.percentile(posture, 99))
        return np.array([scene.mean(), posture.mean(), (posture * self.weights).sum()])

    def score(self, chosen: np.ndarray) -> np.ndarray:
        """Return the three ratios to evenly spaced frames."""
        k, n_frames = len(chosen), len(self.counted)
        phases = (np.arange(N_PHASES) + 0.5) / N_PHASES
        evenly = [self.counted[((np.arange(k) + phase) * n_frames / k).astype(int)] for phase in phases]
        return self.measure(chosen) / np.mean([self.measure(rows) for rows in evenly], axis=0)


def variants(scan: Scan) -> dict[str, Callable[[int], np.ndarray]]:
    """Choices of k frames with one part of the default after the other left out; without the guards."""
    sample = scan.sample
    assert sample is not None
    weights = np.bincount(nearest_of(sample.rows, len(scan.frame_index)))
    scenes = scene_distances(sample, scan.features[sample.rows], len(scan.components.mean))
    along = sample.path if sample.path[-1] > sample.path[0] else np.arange(len(sample.path))
    evenly = np.unique(np.searchsorted(along, np.linspace(along[0], along[-1], N_SCALED)))
    evenly = np.minimum(evenly, len(sample.path) - 1)
    bound = np.abs(sample.path[:, None] - sample.path) * STEP_SHARE

    def scaled(matrix: np.ndarray) -> np.ndarray:
        return matrix / matrix[np.ix_(evenly, evenly)].mean()

    rows = scan.features[sample.rows].astype(np.float32)
    norms = (rows**2).sum(axis=1)
    looks = scaled(np.sqrt(np.maximum(norms[:, None] + norms - 2 * rows @ rows.T, 0)))
    looks = PICTURE_SCALE * looks
    matrices = {"k-medoids on PCA": looks, "the same, bound by the path": np.minimum(looks, bound)}
    if scenes is not None:
        matrices["what was decided, not spread"] = scenes.matrix
    if (animals := find_animals(sample.thumbnails)) is not None:
        place, posture = (scaled(part) for part in animals.distances())
        matrices |= {
            "path alone": np.minimum(bound, 1),
            "places, bound": np.minimum(place, bound),
            "postures, bound": np.minimum(posture, bound),
            "places + postures": place + posture,
            "places + postures, bound": np.minimum(place + posture, bound),
        }

    def pick(matrix: np.ndarray, k: int) -> np.ndarray:
        return scan.frame_index[sample.rows[k_medoids(matrix, k, sample_weight=weights)[0]]]

    picks = {name: partial(pick, matrix) for name, matrix in matrices.items()}
    if scenes is not None:
        picks["without guards"] = lambda k: pick(scenes.spread_over(sample, k), k)
    return picks


def tools(video: Path) -> dict[str, Callable[[int, int], np.ndarray]]:
    """Choices of k frames with a seed, as the labelling tools make them."""
    narrow, square = [], []
    with VideoReader(video) as reader:
        for frame in reader:
            narrow.append(deeplabcut_row(frame.image))
            square.append(cv2.resize(frame.image, (64, 64)).reshape(-1).astype(np.float16))
    pictures = np.array(square)
    energy = np.concatenate([[0.0], np.abs(np.diff(pictures.astype(np.float32), axis=0)).sum(axis=1)])
    lively = np.flatnonzero(energy > np.percentile(energy, 50))
    gray = np.array(narrow)

    def at_random(k: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).choice(len(narrow), k, replace=False)

    def lightning_pose(k: int, seed: int) -> np.ndarray:
        rows = lively if len(lively) >= k else np.arange(len(pictures))
        reduced = PCA(min(32, len(rows)), random_state=seed).fit_transform(pictures[rows].astype(np.float32))
        centres = KMeans(k, n_init="auto", random_state=seed).fit(reduced).cluster_centers_
        return np.unique(rows[np.linalg.norm(reduced[:, None] - centres, axis=2).argmin(axis=0)])

    return {"random frames": at_random, "DeepLabCut": partial(deeplabcut_picks, gray), "Lightning Pose": lightning_pose}


def ways(video: Path, scan: Scan, options: argparse.Namespace) -> dict[str, Callable[[int], list[np.ndarray]]]:
    """Ways to choose k frames; of those that depend on a seed, the choices of all seeds."""
    seeds = range(options.seeds)

    def ours(k: int, **settings: str) -> list[np.ndarray]:
        selections = [choose_from_scan(scan, Settings(k, seed=seed, **settings), None, False)[0] for seed in seeds]
        return [np.array([keyframe.frame_index for keyframe in found.keyframes]) for found in selections]

    found = {"default": ours, "--algorithm kmeans": partial(ours, algorithm="kmeans")}
    if options.ablation:
        found |= {name: lambda k, pick=pick: [pick(k)] for name, pick in variants(scan).items()}
    if options.tools:
        found |= {name: lambda k, pick=pick: [pick(k, s) for s in seeds] for name, pick in tools(video).items()}
    return found


def evaluate(name: str, video: Path, poses: np.ndarray, options: argparse.Namespace) -> None:
    """Print the scores of a video."""
    truth = Truth(poses)
    ks = [k for k in KS if k <= MOST_SHARE * len(poses)]
    with VideoReader(video) as reader:
        scan = scan_video(reader, Settings(KS[0]), False)
    for told, choose in ways(video, scan, options).items():
        ratios = np.array([np.mean([np.log(truth.score(rows)) for rows in choose(k)], axis=0) for k in ks])
        by_k, by_part = np.exp(ratios.mean(axis=1)), np.exp(ratios.mean(axis=0))
        cells = [f"{value:6.3f}" for value in by_k] + ["      "] * (len(KS) - len(ks))
        cells += [f"{value:6.3f}" for value in (np.exp(ratios.mean()), *by_part)]
        print(f"{name:22s} {told:28s} {' '.join(cells)}", flush=True)
    if (basis := choose_from_scan(scan, Settings(KS[0]), None, False)[0].basis) is not None:
        print(f"{name:22s} {basis.reason}", flush=True)


def main() -> None:
    """Measure the given recordings, or some of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="VIDEO POSES.npz")
    parser.add_argument("--rest", action="store_true", help="the resting test of each video as well")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--ablation", action="store_true", help="leave out one part of the default after the other")
    parser.add_argument("--tools", action="store_true", help="how the labelling tools choose, as well")
    options = parser.parse_args()
    videos = [(video.stem, video, filled(poses)) for video, poses in in_pairs(options.files)]
    cv2.setNumThreads(1)
    columns = (*(f"k={k}" for k in KS), "mean", "scene", "post", "bal")
    print(f"{'recording':22s} {'choice':28s} " + " ".join(f"{column:>6s}" for column in columns))
    with tempfile.TemporaryDirectory() as folder:
        for name, video, poses in videos or rendered(Path(folder)):
            evaluate(name, video, poses, options)
            if options.rest or (not options.files and name in RESTING):
                path = Path(folder) / f"{video.stem}-rest.mp4"
                evaluate(f"{name}, resting", path, resting(video, poses, path), options)


if __name__ == "__main__":
    main()
