#!/usr/bin/env python3
"""Extraction against the time that FFmpeg needs to decode the file, and against the ways that are in use.

    python benchmarks/extract.py [VIDEO...] [-k 150] [--threads N] [--rounds 1] [--limit 1800] [--only NAME...]
        [--quick] [--kinds] [--kind NAME...] [--clip VIDEO] [--minutes 20] [--cache DIR]

For each video in turn, each contestant in a process of its own:

decode              ffmpeg -f null, with as many threads as the others
exact, sparse       keyframes extract, with the images written; its stages are timed within that same run
dlc step 1, step 5  the procedure of DeepLabCut 3.0.2: frames as red, green and blue, by nearest neighbour at 30 pixels
                    of width, their mean; scikit-learn's MiniBatchKMeans; a random member of each cluster, reached by
                    a seek and saved by imageio. At step 1 every frame is read, at a larger one every sample is a
                    seek. Written anew here, without its progress bar and its check of each saved image's contrast
all in memory       the way of tutorials: all frames in memory, PCA, k-means, the member next to each centre; left out
                    where the memory at hand would not do
PyAV, decord        read the frames that the sparse scan looked at, and shrink them, no more; left out where they are
                    not installed

Wall and CPU time, the peak resident memory of the largest process, all times as multiples of the decode's, and how many
of the written images are not the frame that a plain sequential read counts. Medians over the rounds. A contestant that
takes longer than --limit is stopped, and counts with that time. The limits hold for CPU time, which other programs on
the machine disturb least.

With --kinds it makes a recording of each kind that labs have, from the sample clip or from --clip: H.264 with the noise
of a camera, large frames at a low bit rate, full HD, HEVC, MPEG-4 in AVI, Motion JPEG in AVI, and one in which the
animal rests 95 % of the time; with --kind, of those named. A minute of each is encoded and repeated: twenty times, or
for so many --minutes.

Without a video it makes its own: an hour (--quick: two minutes) of the sample clip at 640x360 and 30 frames a second,
with the noise of a camera, B-frames, and an I-frame in 250 frames; two minutes are encoded, then repeated as they are.
No frame refers to B-frames in it, as with simple encoders: x264 by default lets B- and P-frames refer to every other
B-frame, so that only half of the B-frames could be left out.
"""

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

# Heavy modules are imported in the contestants' processes alone: a child's peak of memory counts its parent's size too.
# The folder of this file would hide the package `clustering` from the imports below.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.other_ways import all_in_memory, decord, deeplabcut, pyav
from benchmarks.recordings import KINDS, SAMPLE, make_hour, make_kinds

KEYFRAMES = Path(sys.executable).parent / "keyframes"
STAGES = {"scan": "scan_video", "choose": "choose_from_scan", "write": "write_files"}
LIMITS = {"exact": 1.35, "exact scan": 1.10, "sparse": 0.15, "sparse scan": 0.10}
SHARE_OF_MEMORY = 0.8


@dataclass(frozen=True)
class Cost:
    """What one process took.

    Attributes
    ----------
    seconds, cpu_s : float
    peak_bytes : int
        Resident memory of the largest process at its peak.
    said : dict
        The JSON document on the last line of its output; empty where there is none.
    stopped : bool
        Whether it was stopped at the limit.
    """

    seconds: float
    cpu_s: float
    peak_bytes: int
    said: dict
    stopped: bool = False


def run(command, limit_s=None, watch=None, **options):
    """Run a command to its end; `watch`, if given, is called with its process id ten times a second."""
    with tempfile.TemporaryFile("w+", encoding="utf-8") as output:
        start = time.perf_counter()
        process = subprocess.Popen([str(part) for part in command], stdout=output, **options)
        stopped = False
        while True:
            pid, status, usage = os.wait4(process.pid, os.WNOHANG if limit_s or watch else 0)
            seconds = time.perf_counter() - start
            if pid:
                break
            if watch:
                watch(process.pid)
            if limit_s and seconds > limit_s and not stopped:
                stopped = True
                process.kill()
            time.sleep(0.1)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode and not stopped:
            raise SystemExit(f"error: {' '.join(map(str, command))} ended with status {process.returncode}")
        output.seek(0)
        lines = output.read().splitlines()
    said = {}
    with suppress(ValueError, IndexError):
        said = json.loads(lines[-1])
    return Cost(seconds, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss, said, stopped)


# The contestants. Each writes frames/img<index>.png below its folder, and prints its stages as JSON.


def ours(video, folder, k, threads, scan):
    """Run the command as it is installed, and measure the CPU time of each stage."""
    from keyframes import __main__, pipeline

    stages = {}

    def timed(stage, function):
        def call(*args, **options):
            start = time.process_time()
            try:
                return function(*args, **options)
            finally:
                # A scan that did not hold is done again: then a stage is gone through twice.
                stages[stage] = stages.get(stage, 0.0) + time.process_time() - start

        return call

    # Defaults of a function were bound when its module was read.
    defaults = pipeline.run_extraction.__kwdefaults__
    for stage, name in STAGES.items():
        function = getattr(pipeline, name)
        setattr(pipeline, name, timed(stage, function))
        defaults.update({key: getattr(pipeline, name) for key, value in defaults.items() if value is function})
    sys.argv = ["keyframes", "extract", str(video), "-k", str(k), "-o", str(folder), "--threads", str(threads), "-q"]
    sys.argv += ["--scan", scan]
    try:
        __main__.main()
    except SystemExit as end:
        if end.code:
            raise
    return stages


CONTESTANTS = {
    "decode": None,
    "exact": lambda *given: ours(*given, "exact"),
    "sparse": lambda *given: ours(*given, "sparse"),
    "dlc step 1": lambda *given: deeplabcut(*given, 1),
    "dlc step 5": lambda *given: deeplabcut(*given, 5),
    "all in memory": all_in_memory,
    "PyAV": pyav,
    "decord": decord,
}
READERS = {"PyAV": "av", "decord": "decord"}


def memory_needed(video):
    """Bytes that reading everything takes: the frames, their gray levels as float32, and PCA's copy of those."""
    import cv2

    capture = cv2.VideoCapture(str(video))
    n_frames, width, height = (
        capture.get(number)
        for number in (cv2.CAP_PROP_FRAME_COUNT, cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)
    )
    return {"bytes": n_frames * width * height * (3 + 4 + 4)}


def wrong_images(video, *folders):
    """How many images of each folder are not the frame of their index; one sequential read of the video tells."""
    import cv2

    files = [(int(file.stem[3:]), folder, file) for folder in folders for file in Path(folder).glob("frames/img*.png")]
    by_index = {}
    for index, folder, file in files:
        by_index.setdefault(index, []).append((folder, file))
    wrong = dict.fromkeys(folders, 0)
    capture = cv2.VideoCapture(str(video))
    for index in range(max(by_index, default=-1) + 1):
        there = capture.grab()
        if index in by_index:
            image = capture.retrieve()[1] if there else None
            for folder, file in by_index[index]:
                saved = cv2.imread(str(file))
                same = image is not None and saved.shape == image.shape and (saved == image).all()
                wrong[folder] += not same
    counts = {folder: sum(1 for _, other, _ in files if other == folder) for folder in folders}
    return {folder: [wrong[folder], counts[folder]] for folder in folders}


def memory_at_hand():
    for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def call_apart(task, *arguments, **options):
    """Run a function of this file in a process of its own; its result is what the process said."""
    return run([sys.executable, Path(__file__), "--task", task, *arguments], **options)


def measure(name, video, folder, k, threads, limit_s):
    if name == "decode":
        import imageio_ffmpeg

        program = imageio_ffmpeg.get_ffmpeg_exe()
        return run([program, "-v", "error", "-threads", threads, "-i", video, "-map", "0:v:0", "-f", "null", "-"])
    return call_apart(name, video, folder, k, threads, limit_s=limit_s)


def missing(name, video):
    """Why a contestant does not run on this video; "" where it does."""
    if name == "all in memory":
        needed = call_apart("memory", video).said["bytes"]
        if needed > SHARE_OF_MEMORY * memory_at_hand():
            return f"would need {needed / 1e9:.0f} GB of memory, {memory_at_hand() / 1e9:.0f} GB are at hand"
    if name in READERS and importlib.util.find_spec(READERS[name]) is None:
        return "is not installed"
    return ""


def compare(video, args, folder):
    """Measure all contestants on one video and print the table."""
    reasons = {name: missing(name, video) for name in args.only}
    costs = {name: [] for name, reason in reasons.items() if not reason}
    print(f"\n{video.name}, k {args.clusters}, {args.threads} threads", flush=True)
    print(
        f"{'':16s}{'seconds':>9s}{'CPU s':>9s}{'x decode':>10s}{'x CPU':>8s}{'peak MB':>9s}{'wrong':>10s}", flush=True
    )
    places = {}
    for number in range(args.rounds):
        for name in costs:
            places[name] = folder / f"{video.stem}-{name.replace(' ', '-')}-{number}"
            costs[name].append(measure(name, video, places[name], args.clusters, args.threads, args.limit))
            print(f"  {name}: {costs[name][-1].seconds:.1f} s", file=sys.stderr)
    written = {name for name in places if name != "decode" and name not in READERS}
    wrong = call_apart("wrong", video, *(place for name, place in places.items() if name in written)).said
    decode_s, decode_cpu_s = median(costs["decode"], "seconds"), median(costs["decode"], "cpu_s")
    for name, reason in reasons.items():
        if reason:
            print(f"{name:16s}  {reason}")
            continue
        row = {field: median(costs[name], field) for field in ("seconds", "cpu_s", "peak_bytes")}
        more = ">" if any(cost.stopped for cost in costs[name]) else ""
        found = "{} of {}".format(*wrong[str(places[name])]) if name in written else ""
        print(
            f"{name:16s}{more + format(row['seconds'], '.1f'):>9s}{row['cpu_s']:9.1f}"
            f"{more + format(row['seconds'] / decode_s, '.2f'):>10s}{row['cpu_s'] / decode_cpu_s:8.3f}"
            f"{row['peak_bytes'] / 1e6:9.0f}{found:>10s}"
        )
    print_stages(costs, decode_cpu_s)
    print_ratios(costs)
    sys.stdout.flush()


def print_stages(costs, decode_s):
    """Print the CPU time of the stages of a command, and how much of the decode's that is."""
    for name in ("exact", "sparse"):
        if name not in costs:
            continue
        total = median(costs[name], "cpu_s")
        stages = {stage: statistics.median(cost.said[stage] for cost in costs[name]) for stage in STAGES}
        stages["rest"] = total - sum(stages.values())
        shown = ", ".join(f"{stage} {s:.2f} s ({s / decode_s:.3f} x decode)" for stage, s in stages.items())
        print(f"{name}: {shown}")
        for label, s in ((name, total), (f"{name} scan", stages["scan"])):
            print(f"{label} / decode {s / decode_s:.3f} (limit {LIMITS[label]:.2f})")


def print_ratios(costs):
    for name, limit in (("dlc step 1", 3), ("dlc step 5", 10)):
        for scan in ("sparse", "exact"):
            if name in costs and scan in costs:
                ratio = median(costs[name], "seconds") / median(costs[scan], "seconds")
                at_least = "at least " if any(cost.stopped for cost in costs[name]) else ""
                print(f"{name} / {scan} {at_least}{ratio:.2f} (limit {limit})")


def median(costs, field):
    return statistics.median(getattr(cost, field) for cost in costs)


def do_task(task, arguments):
    """Act as the process that `call_apart` started."""
    if task == "memory":
        said = memory_needed(*arguments)
    elif task == "wrong":
        said = wrong_images(*arguments)
    else:
        video, folder, k, threads = arguments
        said = CONTESTANTS[task](Path(video), Path(folder), int(k), int(threads))
    print(json.dumps(said))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", type=Path, nargs="*", metavar="VIDEO")
    parser.add_argument("-k", "--clusters", type=int, default=150)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=1, help="medians over so many rounds [1]")
    parser.add_argument("--limit", type=float, default=1800, metavar="S", help="stop a contestant after this [1800 s]")
    parser.add_argument("--quick", action="store_true", help="without a VIDEO: two minutes instead of an hour")
    parser.add_argument("--kinds", action="store_true", help="without a VIDEO: a file of each kind that labs record")
    parser.add_argument("--kind", nargs="+", choices=KINDS, metavar="NAME", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--clip", type=Path, default=SAMPLE, help="what --kinds are made of [the sample]")
    parser.add_argument("--minutes", type=int, default=20, help="of each kind [20]")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="keep the video made here [a temporary folder]")
    parser.add_argument("--only", nargs="+", choices=CONTESTANTS, metavar="NAME", help=", ".join(CONTESTANTS))
    args = parser.parse_args()
    # The decode comes first and always: all times are told as multiples of its.
    args.only = [name for name in CONTESTANTS if name == "decode" or name in (args.only or CONTESTANTS)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cache = args.cache or folder
        kinds = args.kind or list(KINDS) if args.kinds or args.kind else []
        own = make_kinds(cache, args.minutes, args.clip, kinds) if kinds else make_hour(cache, args.quick)
        for video in args.videos or own:
            compare(video, args, folder)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--task"]:
        do_task(sys.argv[2], sys.argv[3:])
    else:
        main()
