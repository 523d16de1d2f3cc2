#!/usr/bin/env python3
"""What one budget over all recordings covers, against an equal split of it and against clustering all frames together.

    python benchmarks/batch_total.py VIDEO... [--total 120] [--piece 10] [--seeds 3]

The videos are cut into pieces of so many seconds: recordings of uneven variety. Then `keyframes batch` chooses the same
number of frames three ways: `--total`, `-k` with an equal share for each, and, beyond what many recordings allow,
k-means over the thumbnails of all frames at once, in all of their pixels. What counts is the mean distance of all
frames to the nearest chosen one of any recording: root mean square difference of the thumbnails, drawn on one grid, in
gray levels. It must be at least 10 % lower than with the equal split, and at most 5 % higher than all together.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.extract import KEYFRAMES, run
from benchmarks.recordings import ffmpeg
from clustering import k_means
from keyframes import VideoReader

GRID = 64


def cut(videos, piece_s, folder):
    """Cut videos into pieces, encoded anew."""
    for video in videos:
        ffmpeg(
            *("-i", video, "-an", "-c:v", "libx264", "-crf", 14, "-preset", "veryfast", "-fps_mode", "passthrough"),
            *("-force_key_frames", f"expr:gte(t,n_forced*{piece_s})", "-f", "segment", "-segment_time", piece_s),
            *("-reset_timestamps", 1, folder / f"{Path(video).stem}-%02d.mp4"),
        )


def thumbnails(video):
    """Every frame of a video on the grid, in gray: (n_frames, GRID * GRID)."""
    with VideoReader(video) as reader:
        gray = (cv2.cvtColor(frame.image, cv2.COLOR_BGR2GRAY) for frame in reader)
        rows = [cv2.resize(image, (GRID, GRID), interpolation=cv2.INTER_AREA).reshape(-1) for image in gray]
    return np.array(rows, np.float32)


def mean_distance(X, chosen):
    """Mean over all rows of the distance to the nearest chosen one, in gray levels a pixel."""
    norms = np.square(X, dtype=np.float64).sum(axis=1)
    squared = norms[:, None] + norms[chosen] - 2 * (X @ X[chosen].T).astype(np.float64)
    return float(np.sqrt(np.maximum(squared.min(axis=1), 0) / X.shape[1]).mean())


def chosen_rows(output, first_row):
    """Rows of the frames that a batch chose, and how many of each recording."""
    summary = json.loads((output / "batch.json").read_text(encoding="utf-8"))
    rows, counts = [], {}
    for result in summary["results"]:
        counts[result["recording"]] = result["frames"]
        if result["frames"]:
            manifest = json.loads((output / result["place"] / "manifest.json").read_text(encoding="utf-8"))
            rows += [first_row[result["recording"]] + entry["frame_index"] for entry in manifest["keyframes"]]
    return np.array(rows), counts


def together(X, total, seed):
    """Nearest real frames to the centres of a clustering of all frames."""
    found = k_means(X, total, random_state=seed)
    order = np.lexsort((found.squared_distances, found.labels))
    return order[np.searchsorted(found.labels[order], np.arange(total))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("--total", type=int, default=120)
    parser.add_argument("--piece", type=float, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pieces = folder / "pieces"
        pieces.mkdir()
        cut(args.videos, args.piece, pieces)
        recordings = sorted(path.name for path in pieces.iterdir())
        parts = [thumbnails(pieces / recording) for recording in recordings]
        X = np.concatenate(parts)
        first_row = dict(zip(recordings, np.cumsum([0, *map(len, parts)]).tolist(), strict=False))
        share = args.total // len(recordings)
        total = share * len(recordings)
        print(f"{len(recordings)} recordings, {len(X)} frames, {total} to choose, an equal share is {share}")
        against_equal, against_all = [], []
        for seed in range(args.seeds):
            outputs = {}
            for way, options in (("total", ("--total", total)), ("equal", ("-k", share))):
                outputs[way] = folder / f"{way}"
                run([KEYFRAMES, "batch", pieces, *options, "--seed", seed, "-q", "-o", outputs[way]])
            rows, counts = chosen_rows(outputs["total"], first_row)
            ours = mean_distance(X, rows)
            equal = mean_distance(X, chosen_rows(outputs["equal"], first_row)[0])
            best = mean_distance(X, together(X, total, seed))
            print(f"seed {seed}: total {ours:.3f}, equal split {equal:.3f}, all frames together {best:.3f} gray levels")
            print("  " + ", ".join(f"{name.removesuffix('.mp4')} {n}" for name, n in counts.items()))
            against_equal.append(ours / equal)
            against_all.append(ours / best)
        print(f"against the equal split  {np.mean(against_equal):.3f} (limit 0.90)")
        print(f"against all together     {np.mean(against_all):.3f} (limit 1.05)")


if __name__ == "__main__":
    main()
