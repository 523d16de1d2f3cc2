#!/usr/bin/env python3
"""What are the chosen frames worth to a network? Trained on each choice, measured on the frames that have no label.

    python benchmarks/label_efficiency.py VIDEO POSES.npz [VIDEO POSES.npz ...] [--labels 15 30 60 120] [--seeds 4]
    python benchmarks/label_efficiency.py ... --rounds        first labels, then as many more by predictions or pictures
    python benchmarks/label_efficiency.py ... --rest FOLDER   make a resting test of each recording, for the first two
    python benchmarks/label_efficiency.py --render FOLDER     render recordings with poses, for the others

Needs `pip install -e '.[label-efficiency]'`; trains on a GPU where there is one. POSES.npz as for `coverage.py`, and
resting tests as there. The network is that of `pose_network.py`; it sees whole pictures of one animal, or a square
about each of several. `--choices FILE` keeps the choices, so that a machine with a GPU has only to train;
`--choose-only` makes them. Measured where an animal moves (everywhere, if it hardly does):

    error      distance of the points found from the true ones in body radii, a point no more than 1
    off        share of the points that are off by more than a quarter of a body radius
    rare       error on the tenth of the frames whose postures are furthest from all others
    balanced   error, each of 40 posture modes weighing the same

Each figure is the mean over seeds (of the choice, where it depends on one, and of the training), with its standard
error. The last lines have how many evenly spaced labels give the same error, by straight lines in the logarithm of it.
"""

import argparse
import json
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.coverage import MOST_SHARE, N_MODES, Truth
from benchmarks.other_ways import deeplabcut_picks, deeplabcut_row
from benchmarks.posed_recordings import body_radius, filled, in_pairs, rendered, resting
from benchmarks.predictions import by_predictions, first_labels, indices
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.selection import Known
from keyframes.scan.first_pass import scan_video
from keyframes.settings import Settings
from keyframes.video import VideoReader

if TYPE_CHECKING:
    from benchmarks.pose_network import Network

# Longest side of a whole picture that the network sees; side of a square about one of several animals, also in radii.
LONGEST, SQUARE, SQUARE_RADII = 256, 160, 5.0
# How far the middle of a square is from that of the animal, in body radii: no detector is exact.
UNSURE = 0.3
# An animal moves when its points go this far in 4 frames, in body radii.
MOVES = 0.1
MOST_MEASURED = 1200
MEASURES = ("error", "off", "rare", "balanced")
OFF, RARE = 0.25, 0.1
EVENLY = "evenly spaced"
Chosen = dict[str, list[list[list[int]]]]


@dataclass(frozen=True)
class Views:
    """What the network sees: a picture of each animal of each frame.

    Attributes
    ----------
    pictures : array (n_frames * n_animals, h, w, 3) of uint8
    points : array (n_frames * n_animals, n_points, 2), float32
        In pixels of these pictures; NaN where missing.
    corners : array (n_frames * n_animals, 2)
        Where a picture begins in the recording that is scaled by `scale`.
    scale : float
    n_animals : int
    radius : float
        A body radius in pixels of these pictures.
    """

    pictures: np.ndarray
    points: np.ndarray
    corners: np.ndarray
    scale: float
    n_animals: int
    radius: float

    def rows(self, frames: np.ndarray) -> np.ndarray:
        """Return the pictures of these frames."""
        return (np.asarray(frames)[:, None] * self.n_animals + np.arange(self.n_animals)).reshape(-1)

    def in_recording(self, points: np.ndarray) -> np.ndarray:
        """Return points (n_frames * n_animals, n_points, 2) as (n_frames, n_animals, n_points, 2) of the recording."""
        there = (points + self.corners[:, None]) / self.scale
        return there.reshape(-1, self.n_animals, *points.shape[1:])


def views_of(video: Path, poses: np.ndarray) -> Views:
    """Look at whole pictures of one animal, or at a square about each of several."""
    n_frames, n_animals, n_points, _ = poses.shape
    whole = filled(poses)
    radius = body_radius(whole)
    with VideoReader(video) as reader:
        frame_size = np.array([reader.header.width, reader.header.height])
        if n_animals == 1:
            scale = LONGEST / frame_size.max()
            width, height = np.ceil(frame_size * scale / 32).astype(int) * 32
            corners = np.zeros((n_frames, 1, 2), int)
        else:
            scale = SQUARE / (SQUARE_RADII * radius)
            width = height = SQUARE
            unsure = np.random.default_rng(0).uniform(-UNSURE, UNSURE, (n_frames, n_animals, 2)) * radius
            corners = np.rint((whole.mean(axis=2) + unsure) * scale).astype(int) - SQUARE // 2
        pictures = np.zeros((n_frames, n_animals, height, width, 3), np.uint8)
        for frame in reader:
            shrink = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
            small = cv2.resize(frame.image, None, fx=scale, fy=scale, interpolation=shrink)
            around = cv2.copyMakeBorder(small, height, height, width, width, cv2.BORDER_CONSTANT)
            for animal, (x, y) in enumerate(np.clip(corners[frame.index], (-width, -height), small.shape[1::-1])):
                pictures[frame.index, animal] = around[y + height : y + 2 * height, x + width : x + 2 * width]
    corners = corners.reshape(-1, 2)
    points = (poses * scale).reshape(-1, n_points, 2) - corners[:, None]
    flat = pictures.reshape(-1, height, width, 3)
    return Views(flat, points.astype(np.float32), corners, scale, n_animals, radius * scale)


class Measure:
    """The four figures, of at most `MOST_MEASURED` pictures in which the animal moves, evenly spaced."""

    def __init__(self, views: Views, poses: np.ndarray) -> None:
        whole = filled(poses)
        time = np.arange(len(whole))
        ahead, behind = np.minimum(time + 2, len(whole) - 1), np.maximum(time - 2, 0)
        went = np.linalg.norm(whole[ahead] - whole[behind], axis=3).mean(axis=2).reshape(-1)
        rows = np.flatnonzero(went > MOVES * body_radius(whole))
        if len(rows) < N_MODES:
            rows = np.arange(len(went))
        self.rows = rows[np.linspace(0, len(rows) - 1, min(len(rows), MOST_MEASURED)).round().astype(int)]
        self.true, self.views = views.points[self.rows], views
        truth = Truth(whole.reshape(-1, 1, *whole.shape[2:])[self.rows])
        self.weights = truth.weights
        # A posture is as rare as the nearest hundredth of all frames is far from it.
        nearest = max(1, len(self.rows) // 100)
        self.rarity = np.partition(truth.posture, nearest, axis=1)[:, nearest]

    def __call__(self, points: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        """Return the figures of points found in `rows` by a network that was trained on these pictures."""
        away = np.linalg.norm(points - self.true, axis=2) / self.views.radius
        counted = ~np.isin(self.rows, labelled) & np.isfinite(away).any(axis=1)
        away, weights = away[counted], self.weights[counted]
        errors = np.nanmean(np.minimum(away, 1), axis=1)
        rarest = np.argsort(-self.rarity[counted], kind="stable")[: max(1, round(RARE * len(errors)))]
        off = (away[np.isfinite(away)] > OFF).mean()
        return np.array([errors.mean(), off, errors[rarest].mean(), errors @ weights / weights.sum()])


class Trainer:
    """Trains on the pictures of a recording, on the GPU where there is one."""

    def __init__(self, views: Views, measure: Measure, n_steps: int) -> None:
        import torch

        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.pictures = torch.tensor(views.pictures, device=device)
        self.points = torch.tensor(views.points, device=device)
        self.views, self.measure, self.n_steps = views, measure, n_steps

    def train(self, choices: list[np.ndarray], seeds: list[int]) -> "Network":
        """Train a network on each choice."""
        from benchmarks.pose_network import train

        rows = [self.views.rows(frames) for frames in choices]
        # A choice of fewer frames than the others begins anew.
        labelled = np.array([np.resize(own, max(map(len, rows))) for own in rows])
        return train(self.pictures, self.points, labelled, seeds, self.n_steps)

    def figures(self, choices: list[np.ndarray], seeds: list[int]) -> np.ndarray:
        """Return the four figures (n_choices, 4) of a network trained on each choice."""
        from benchmarks.pose_network import predict

        points, _ = predict(self.train(choices, seeds), self.pictures[self.measure.rows])
        pairs = zip(points, choices, strict=True)
        return np.array([self.measure(found, self.views.rows(frames)) for found, frames in pairs])

    def second_round(self, video: Path, first: np.ndarray, seeds: list[int]) -> tuple[list[np.ndarray], float]:
        """For each seed as many more frames, chosen by the predictions of a network that was trained on the first.

        The share of the points of these frames that are found to a quarter of a body radius comes with them.
        """
        from benchmarks.pose_network import predict

        points, certainty = predict(self.train([first] * len(seeds), seeds), self.pictures)
        more, right = [], []
        with VideoReader(video) as reader:
            scan = scan_video(reader, Settings(len(first)), False)
            for seed, own, sure in zip(seeds, points, certainty, strict=True):
                there = self.views.in_recording(own)
                settings = Settings(len(first), seed=seed, predictions=video)
                confidence = sure.reshape(there.shape[:3])
                more.append(indices(by_predictions(reader, scan, there, confidence, settings, first)))
                rows = self.views.rows(more[-1])
                away = np.linalg.norm(own[rows] - self.views.points[rows], axis=2) / self.views.radius
                right.append((away[np.isfinite(away)] <= OFF).mean())
        return more, float(np.mean(right))


def choices_of(video: Path, n_frames: int, ks: list[int], seeds: int) -> Chosen:
    """Frames by method, number of labels and seed."""
    with VideoReader(video) as reader:
        small = np.array([deeplabcut_row(frame.image) for frame in reader])
    with VideoReader(video) as reader:
        scan = scan_video(reader, Settings(max(ks)), False)

    def chosen(**options: object) -> np.ndarray:
        return indices(choose_from_scan(scan, Settings(**options), None, False)[0])

    methods = {
        "default": lambda k, seed: chosen(k=k, seed=seed),
        "--algorithm kmeans": lambda k, seed: chosen(k=k, seed=seed, algorithm="kmeans"),
        EVENLY: lambda k, seed: ((np.arange(k) + (seed + 0.5) / seeds) * n_frames / k).astype(int),
        "random": lambda k, seed: np.sort(np.random.default_rng(seed).choice(n_frames, k, replace=False)),
        "DeepLabCut's": partial(deeplabcut_picks, small),
    }
    return {name: [[method(k, s).tolist() for s in range(seeds)] for k in ks] for name, method in methods.items()}


def equal_labels(error: float, ks: list[int], errors: list[float]) -> str:
    """How many labels have this error on the curve of `errors` by `ks`."""
    falling = np.minimum.accumulate(errors)
    if error >= falling[0]:
        return f"<= {ks[0]}"
    if error < falling[-1]:
        return f"> {ks[-1]}"
    return f"{np.exp(np.interp(-error, -falling, np.log(ks))):.0f}"


def cells(figures: np.ndarray) -> str:
    """Mean and standard error over seeds (n_seeds, 4)."""
    means, errors = figures.mean(axis=0), figures.std(axis=0, ddof=1) / np.sqrt(len(figures))
    return " ".join(f"{mean:7.4f} ±{error:.4f}" for mean, error in zip(means, errors, strict=True))


def compare_choices(name: str, trainer: Trainer, chosen: Chosen, ks: list[int]) -> None:
    """Print a line for each method and number of labels, and what they are worth in evenly spaced ones."""
    errors = {method: [] for method in chosen}
    for place, k in enumerate(ks):
        sets = [(method, seed, frames) for method, own in chosen.items() for seed, frames in enumerate(own[place])]
        figures = trainer.figures([np.array(frames) for _, _, frames in sets], [seed for _, seed, _ in sets])
        for method in chosen:
            own = figures[[one[0] == method for one in sets]]
            errors[method].append(own[:, 0].mean())
            print(f"{name:20s} {k:4d} {method:22s} {cells(own)}", flush=True)
    for method in set(chosen) - {EVENLY}:
        equal = [f"{k}: {equal_labels(error, ks, errors[EVENLY])}" for k, error in zip(ks, errors[method], strict=True)]
        print(f"{name:20s} {'':4s} {method:22s} evenly spaced labels with the error of  {', '.join(equal)}", flush=True)


def compare_rounds(name: str, trainer: Trainer, video: Path, n_frames: int, seeds: list[int]) -> None:
    """Print what as many more labels are worth, chosen by the predictions of a network or by pictures."""
    k = first_labels(n_frames)
    with VideoReader(video) as reader:
        scan = scan_video(reader, Settings(k), False)
    first = indices(choose_from_scan(scan, Settings(k), None, False)[0])
    at = np.searchsorted(scan.frame_index, first)
    unlike = indices(choose_from_scan(scan, Settings(k), None, False, Known(scan.features[at], first, at))[0])
    by_network, right = trainer.second_round(video, first, seeds)
    phases = (np.array(seeds) + 0.5) / len(seeds)
    choices = {
        "the first alone": [first for _ in seeds],
        "more by --predictions": [np.concatenate([first, more]) for more in by_network],
        "more by --unlike": [np.concatenate([first, unlike]) for _ in seeds],
        EVENLY: [((np.arange(2 * k) + phase) * n_frames / (2 * k)).astype(int) for phase in phases],
    }
    figures = trainer.figures([own for by_seed in choices.values() for own in by_seed], seeds * len(choices))
    for method, own in zip(choices, np.split(figures, len(choices)), strict=True):
        print(f"{name:20s} {len(choices[method][0]):4d} {method:22s} {cells(own)}", flush=True)
    print(f"{name:20s} {'':4s} points of the frames by --predictions that need no correction: {right:.2f}", flush=True)


def render_recordings(folder: Path) -> None:
    """Write the rendered recordings and their poses."""
    folder.mkdir(parents=True, exist_ok=True)
    for _, path, poses in rendered(folder):
        np.savez_compressed(path.with_suffix(".npz"), poses=poses.astype(np.float32))


def main() -> None:
    """Measure the given recordings, or render some."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="VIDEO POSES.npz")
    parser.add_argument("--labels", nargs="+", type=int, default=[15, 30, 60, 120])
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--steps", type=int, default=500, help="of the training (default: %(default)s)")
    parser.add_argument("--rounds", action="store_true", help="a second round in place of the first choice")
    parser.add_argument("--choices", type=Path, help="file that keeps the choices made")
    parser.add_argument("--choose-only", action="store_true", help="make the choices, and train nothing")
    parser.add_argument("--rest", type=Path, metavar="FOLDER", help="write the resting tests of the files, and stop")
    parser.add_argument("--render", type=Path, metavar="FOLDER", help="render recordings with poses, and stop")
    options = parser.parse_args()
    if options.render:
        return render_recordings(options.render)
    if not options.files:
        parser.error("name a video and its poses")
    cv2.setNumThreads(1)
    if not options.rest and not options.choose_only:
        heads = " ".join(f"{measure:>7s} ±{'':6s}" for measure in MEASURES)
        print(f"{'recording':20s} {'k':>4s} {'choice':22s} {heads}")
    known = json.loads(options.choices.read_text()) if options.choices and options.choices.exists() else {}
    for video, given in in_pairs(options.files):
        poses = given.astype(np.float64)
        # Points that were never seen.
        poses = poses[:, :, np.isfinite(poses).any(axis=(0, 1, 3))]
        if options.rest:
            path = options.rest / f"{video.stem}_rest.mp4"
            np.savez_compressed(path.with_suffix(".npz"), poses=resting(video, filled(poses), path))
            continue
        ks = [k for k in options.labels if k <= MOST_SHARE * len(poses)]
        if not options.rounds and video.stem not in known:
            known[video.stem] = choices_of(video, len(poses), ks, options.seeds)
            if options.choices:
                options.choices.write_text(json.dumps(known))
        if options.choose_only:
            continue
        views = views_of(video, poses)
        trainer = Trainer(views, Measure(views, poses), options.steps)
        if options.rounds:
            compare_rounds(video.stem, trainer, video, len(poses), list(range(options.seeds)))
        else:
            compare_choices(video.stem, trainer, known[video.stem], ks)
    return None


if __name__ == "__main__":
    main()
