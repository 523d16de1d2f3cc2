#!/usr/bin/env python3
"""Ways from a video to a gray thumbnail of each frame: what they cost beside decoding.

    python benchmarks/thumbnail_ways.py VIDEO... [--frames 800] [--rounds 3]

CPU time (user and system) a frame of 640 x 480 or the like, each way on one thread, the least of some rounds; and as
multiples of ``ffmpeg -f null``, whose start is part of its time. The scan takes OpenCV's luma plane where it is
proven what that is, and otherwise OpenCV's blue, green and red.
"""

import argparse
import itertools
import os
import resource
import subprocess

import cv2
import imageio_ffmpeg
import numpy as np

SIZE = (64, 48)


def reduced(plane):
    half = cv2.resize(plane, (plane.shape[1] // 2, plane.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return cv2.resize(half, SIZE, interpolation=cv2.INTER_AREA)


def opencv(video, n_frames, *, convert=True, look=True):
    parameters = [cv2.CAP_PROP_N_THREADS, 1] + ([] if convert else [cv2.CAP_PROP_CONVERT_RGB, 0])
    capture, picture = cv2.VideoCapture(video, cv2.CAP_FFMPEG, parameters), None
    for _ in range(n_frames):
        if not capture.grab():
            break
        if look:
            picture = capture.retrieve(picture)[1]
            reduced(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) if convert else picture)


def pyav(video, n_frames, *, by_swscale=False):
    import av

    with av.open(video) as container:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "NONE", 1
        for frame in itertools.islice(container.decode(stream), n_frames):
            if by_swscale:
                frame.reformat(*SIZE, "gray", interpolation="AREA").to_ndarray()
            else:
                plane = frame.planes[0]
                reduced(np.frombuffer(plane, np.uint8).reshape(plane.height, -1)[:, : plane.width])


def ffmpeg(video, n_frames, filters=None):
    program = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-threads", "1", "-filter_threads", "1", "-i", video]
    shown = ["-vf", filters, "-f", "rawvideo"] if filters else ["-f", "null"]
    length = ["-map", "0:v:0", "-frames:v", str(n_frames), "-fps_mode", "passthrough"]
    subprocess.run([*program, *length, *shown, "-y", os.devnull], check=True)


WAYS = {
    "ffmpeg -f null": ffmpeg,
    "OpenCV, decoding alone": lambda *given: opencv(*given, look=False),
    "OpenCV, blue, green, red; gray; area": opencv,
    "OpenCV, luma plane; area": lambda *given: opencv(*given, convert=False),
    "PyAV, luma plane; area": pyav,
    "PyAV, swscale's area": lambda *given: pyav(*given, by_swscale=True),
    "ffmpeg, scale=flags=area": lambda *given: ffmpeg(*given, "scale={}:{}:flags=area,format=gray".format(*SIZE)),
}


def cpu_s():
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(usage.ru_utime + usage.ru_stime for usage in map(resource.getrusage, who))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("videos", nargs="+", metavar="VIDEO")
    parser.add_argument("--frames", type=int, default=800)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    cv2.setNumThreads(1)
    # OpenCV warns at every luma plane.
    (cv2 if hasattr(cv2, "setLogLevel") else cv2.utils.logging).setLogLevel(2)
    for video in args.videos:
        least = dict.fromkeys(WAYS, float("inf"))
        for name in [*WAYS] * args.rounds:
            start = cpu_s()
            WAYS[name](video, args.frames)
            least[name] = min(least[name], cpu_s() - start)
        print(video)
        for name, s in least.items():
            print(f"{1000 * s / args.frames:8.3f} ms a frame {s / least['ffmpeg -f null']:6.2f}  {name}", flush=True)


if __name__ == "__main__":
    main()
