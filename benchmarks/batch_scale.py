#!/usr/bin/env python3
"""How one budget over many recordings grows in time and memory: a simulation of what remains of them.

    python benchmarks/batch_scale.py [--recordings 100 1000 10000] [--rows 200] [--frames 5000]

Each recording is drawn: a coreset of so many weighted rows of 32 components, around the mean picture of one of 40 rigs,
in that rig's basis, of a variety that differs by a factor of ten and more. Then `plan_budget` finds the shared space
and the centres, as it does in `keyframes batch --total`; choosing and reading the frames themselves is each recording's
own task. Each size runs in a process of its own. 10,000 recordings must take less than 10 minutes and 4 GB on two
processors. Compiling the kernels is not counted.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)
N_RIGS = 40
N_COMPONENTS = 32
LIMIT_S, LIMIT_GB = 600, 4


def simulate(n_recordings, n_rows, n_frames):
    """Draw the recordings and divide the budget; what it took, in JSON."""
    import numpy as np

    from keyframes.batch.budget import plan_budget
    from keyframes.batch.coresets import GRID, Coreset

    @cache
    def rig(number):
        rng = np.random.default_rng([1, number])
        basis = np.linalg.qr(rng.standard_normal((GRID * GRID, N_COMPONENTS)))[0].T
        return rng.uniform(0.2, 0.8, GRID * GRID).astype(np.float32), np.ascontiguousarray(basis, np.float32)

    def load(name):
        rng = np.random.default_rng([2, int(name)])
        mean, basis = rig(int(name) % N_RIGS)
        falling = 1 / np.sqrt(1 + np.arange(N_COMPONENTS))
        spread = rng.lognormal(0, 0.8)
        rows = spread * falling * rng.standard_normal((n_rows, N_COMPONENTS))
        weights = np.ceil(rng.exponential(30_000 / n_rows, n_rows))
        return Coreset(rows.astype(np.float32), weights.astype(np.float32), 0.0, mean, basis)

    plan_budget(load, [str(number) for number in range(3)], 50)
    start, cpu_start = time.perf_counter(), time.process_time()
    plan = plan_budget(load, [f"{number:06d}" for number in range(n_recordings)], n_frames)
    seconds, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    counts = np.bincount(plan.owners, minlength=n_recordings)
    print(
        json.dumps(
            {
                "seconds": seconds,
                "cpu_s": cpu_s,
                "gigabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
                "frames": len(plan.centers),
                "largest": int(counts.max()),
                "without": int((counts == 0).sum()),
            }
        )
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        simulate(args.recordings[0], args.rows, args.frames)
        return
    print(f"{'recordings':>10}{'rows':>11}{'frames':>8}{'seconds':>9}{'CPU s':>8}{'GB':>7}  most of one, without")
    for n_recordings in args.recordings:
        command = [sys.executable, __file__, "--one", "--recordings", n_recordings]
        command += ["--rows", args.rows, "--frames", args.frames]
        done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, text=True, check=True)
        took = json.loads(done.stdout)
        print(
            f"{n_recordings:>10,}{n_recordings * args.rows:>11,}{took['frames']:>8,}{took['seconds']:>9.1f}"
            f"{took['cpu_s']:>8.1f}{took['gigabytes']:>7.2f}  {took['largest']}, {took['without']}",
            flush=True,
        )
    print(f"limits at 10,000 recordings: {LIMIT_S} s, {LIMIT_GB} GB")


if __name__ == "__main__":
    main()
