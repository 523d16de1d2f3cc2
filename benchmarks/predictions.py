#!/usr/bin/env python3
"""Are frames better chosen by predictions than by pictures? Simulated: true poses with noise and outliers.

    python benchmarks/predictions.py                                 renders recordings of its own
    python benchmarks/predictions.py VIDEO POSES.npz [VIDEO POSES.npz ...] [--seeds 3]

POSES.npz as for `coverage.py`, whose score this is. 30 frames are chosen by pictures (15 of a recording shorter than
200 frames), then as many more: by pictures with ``--unlike`` the first ones, and by predictions beside the first ones.
Predictions are the true poses with 3 or 8 pixels of noise, and 5 or 15 % of the points anywhere, with a lower
confidence. The first columns have the coverage of the 60 frames, as a ratio to those by pictures: below 1 is better.

The other columns: 12 jumps of single points and 10 exchanges of a left and a right one (of any two where the names tell
no sides), planted in poses of which a running median has taken the errors that they have themselves, with noise.
Exchanges are of points at least 8 times the noise and half a body radius apart. Of k = 50 frames, the share of jumps
and of exchanges among the 25 for doubt, and how many of all 50 lie within 3 frames of one that is chosen. A recording
of 200 frames or fewer has no room for them.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from scipy.ndimage import median_filter

# Not this folder: it has files named as packages, which would hide them.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.coverage import Truth
from benchmarks.posed_recordings import NODES, body_radius, filled, in_pairs, rendered
from keyframes.choice.by_pictures import cover_by_pictures, hardly_tells_apart
from keyframes.choice.choose import choose_from_scan
from keyframes.choice.predicted import choose_predicted
from keyframes.choice.predicted_video import PredictedVideo
from keyframes.choice.selection import Known, Selection
from keyframes.predictions import Predictions
from keyframes.predictions.cleaning import link_animals
from keyframes.scan.first_pass import scan_video
from keyframes.scan.scan import Scan
from keyframes.settings import Settings
from keyframes.video import VideoReader

LEVELS = ((3, 0.05), (8, 0.15))
# Frames of a first round, and of that of a recording of fewer frames than the last number.
N_FIRST, N_FIRST_OF_SHORT, SHORT = 30, 15, 200
N_JUMPS, N_EXCHANGES, K, APART = 12, 10, 50, 8
SIDES = tuple((NODES.index(name), NODES.index(name.replace("left", "right"))) for name in NODES if "left" in name)


@dataclass(frozen=True)
class Planted:
    """Predictions with errors of known places."""

    points: np.ndarray
    confidence: np.ndarray
    jumps: list[int]
    exchanges: list[int]


def first_labels(n_frames: int) -> int:
    """How many frames of a recording a first round labels."""
    return N_FIRST_OF_SHORT if n_frames < SHORT else N_FIRST


def with_outliers(poses: np.ndarray, noise: float, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Points and confidence of simulated predictions."""
    rng = np.random.default_rng(seed)
    confidence = rng.beta(8, 1, poses.shape[:3])
    points = poses + rng.normal(0, noise, poses.shape)
    wrong = rng.random(poses.shape[:3]) < share
    low, high = poses.reshape(-1, 2).min(axis=0), poses.reshape(-1, 2).max(axis=0)
    points[wrong] = rng.uniform(low, high, (int(wrong.sum()), 2))
    confidence[wrong] = rng.beta(2, 3, int(wrong.sum()))
    return points, confidence


def planted(poses: np.ndarray, noise: float, seed: int) -> Planted:
    """Plant jumps and exchanges, at least `APART` frames from each other."""
    rng = np.random.default_rng(seed)
    # The errors that tracked poses have themselves would count as false alarms.
    poses = median_filter(link_animals(poses.astype(np.float32)).points.astype(np.float64), (9, 1, 1, 1))
    n_frames, n_animals, n_nodes, _ = poses.shape
    points, confidence = poses + rng.normal(0, noise, poses.shape), rng.beta(8, 1, poses.shape[:3])
    radius = body_radius(poses)
    pairs = SIDES if n_nodes == len(NODES) else [(a, b) for a in range(n_nodes) for b in range(a)]
    free = np.ones(n_frames, bool)
    free[:5] = free[-5:] = False
    found: dict[str, list[int]] = {"jumps": [], "exchanges": []}
    for kind in rng.permutation(["jumps"] * N_JUMPS + ["exchanges"] * N_EXCHANGES):
        for _ in range(500):
            if not free.any():
                break
            frame, animal = int(rng.choice(np.flatnonzero(free))), int(rng.integers(n_animals))
            if kind == "jumps":
                node, angle = rng.integers(n_nodes), rng.uniform(0, 2 * np.pi)
                away = max(rng.uniform(1, 3) * radius, APART * noise)
                points[frame, animal, node] += away * np.array([np.cos(angle), np.sin(angle)])
                confidence[frame, animal, node] = rng.beta(2, 3)
            else:
                one, other = pairs[rng.integers(len(pairs))]
                apart = np.linalg.norm(poses[frame, animal, one] - poses[frame, animal, other])
                if apart < max(APART * noise, radius / 2):
                    continue
                points[frame, animal, [one, other]] = points[frame, animal, [other, one]]
            found[kind].append(frame)
            free[max(0, frame - APART) : frame + APART + 1] = False
            break
    return Planted(points, confidence, **found)


def by_predictions(
    video: VideoReader,
    pictures: Scan,
    points: np.ndarray,
    confidence: np.ndarray,
    settings: Settings,
    known: np.ndarray,
) -> Selection:
    """Choose frames by predictions, and by their pictures those that these hardly tell apart."""
    names = tuple(map(str, range(points.shape[2])))
    labelled = np.zeros(len(points), bool)
    frames = np.arange(len(points))
    given = Predictions(
        video.path, frames, points.astype(np.float32), confidence.astype(np.float32), names, (), labelled
    )
    predicted = PredictedVideo.of(given, settings)
    scan = predicted.scan(video, settings)
    selection, _ = choose_predicted([predicted], scan, settings, None, False, known)
    if not hardly_tells_apart(selection):
        return selection
    return cover_by_pictures(selection, scan, pictures, settings, None, False, known)[1]


def indices(selection: Selection, chosen_for: str | None = None) -> np.ndarray:
    """Frame indices of a choice, or of a part of it."""
    return np.array(
        [one.frame_index for one in selection.keyframes if chosen_for is None or one.chosen_for == chosen_for]
    )


def coverage_ratios(video: VideoReader, poses: np.ndarray, seeds: int) -> list[float]:
    """Coverage by predictions as a ratio to that by pictures, at each level of noise."""
    truth, k = Truth(poses), first_labels(len(poses))
    scan = scan_video(video, Settings(k), False)
    first = indices(choose_from_scan(scan, Settings(k), None, False)[0])
    rows = np.searchsorted(scan.frame_index, first)
    known = Known(scan.features[rows], first, rows)
    unlike = indices(choose_from_scan(scan, Settings(k), None, False, known)[0])
    pictures = np.log(truth.measure(np.concatenate([first, unlike]))).mean()
    settings = Settings(k, predictions=video.path)
    found = []
    for noise, share in LEVELS:
        logs = []
        for seed in range(seeds):
            points, confidence = with_outliers(poses, noise, share, seed)
            more = indices(by_predictions(video, scan, points, confidence, settings, first))
            logs.append(np.log(truth.measure(np.concatenate([first, more]))).mean() - pictures)
        found.append(float(np.exp(np.mean(logs))))
    return found


def errors_found(video: VideoReader, poses: np.ndarray, noise: float, seeds: int) -> tuple[float, float, float]:
    """Shares of planted jumps and exchanges that are chosen, and chosen frames beside them."""
    settings, shares = Settings(K, predictions=video.path), []
    scan = scan_video(video, Settings(K), False)
    for seed in range(seeds):
        wrong = planted(poses, noise, seed)
        selection = by_predictions(video, scan, wrong.points, wrong.confidence, settings, np.empty(0, np.int64))
        doubtful, chosen = indices(selection, "doubt"), indices(selection)
        met = [frame for frame in (*wrong.jumps, *wrong.exchanges) if frame in doubtful]
        beside = sum(int((np.abs(chosen - frame) <= 3).sum()) - 1 for frame in met)
        jumps, exchanges = (np.isin(frames, doubtful) for frames in (wrong.jumps, wrong.exchanges))
        shares.append((jumps.mean(), exchanges.mean() if len(exchanges) else np.nan, beside))
    return tuple(np.nanmean(shares, axis=0).tolist())


def main() -> None:
    """Measure the given recordings, or some of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, metavar="VIDEO POSES.npz")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    recordings = [(video.stem, video, filled(poses)) for video, poses in in_pairs(options.files)]
    cv2.setNumThreads(1)
    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        levels = " ".join(f"{noise} px, {share:.0%}".rjust(11) for noise, share in LEVELS)
        print(f"{'recording':16s} {levels}   found at 3 px: jumps, exchanges, beside   at 8 px")
        for name, path, poses in recordings or rendered(Path(folder)):
            with VideoReader(path) as video:
                ratios.append(coverage_ratios(video, poses, options.seeds))
                cells = "  ".join(f"{ratio:11.3f}" for ratio in ratios[-1])
                for noise, _ in LEVELS if len(poses) > SHORT else ():
                    cells += "   " + " ".join(
                        f"{value:5.2f}" for value in errors_found(video, poses, noise, options.seeds)
                    )
                print(f"{name:16s} {cells}", flush=True)
    print(f"{'geometric mean':16s} " + "  ".join(f"{ratio:11.3f}" for ratio in np.exp(np.log(ratios).mean(axis=0))))


if __name__ == "__main__":
    main()
