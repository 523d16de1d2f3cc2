"""Extracts from the damaged files named on standard input, in a process that may die of it without harm.

A case is one line of JSON, `{"path": …, "folder": …, "options": {…}}`; so is its answer, `{"outcome": …, "detail": …}`,
where the outcome is "extracted", "refused" (an error of ours), "wrong picture" or "crash" (any other exception).
"""

import faulthandler
import functools
import hashlib
import json
import os
import sys
import traceback
from pathlib import Path

import cv2
import numpy as np

import keyframes
from keyframes import KeyframesError
from keyframes.scan import first_pass as scan
from keyframes.video.decoder_log import DecoderLog
from tests.test_keyframes.conftest import MOST_REFUSED
from tests.test_keyframes.test_lost_blocks import CONVERSION, witness

# As many as a reader lets FFmpeg start.
THREADS = 8


def digest(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


def plain_loop(path, threads=1):
    """Digest and time of every picture that it reads; several threads patch up damage as it happens to come.

    OpenCV says no at a damaged packet and goes on behind it when it is asked again.
    """
    capture = cv2.VideoCapture(path, cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, threads])
    digests, times_s = [], []
    n_refused = 0
    while n_refused < MOST_REFUSED:
        ok, image = capture.read()
        n_refused = 0 if ok else n_refused + 1
        if ok:
            digests.append(digest(image))
            times_s.append(capture.get(cv2.CAP_PROP_POS_MSEC) / 1000)
    capture.release()
    return digests, times_s


def by_time(digests, times_s, keyframes):
    """Put the digests of a plain loop where the key frames of the same times are.

    Only a scan of all frames knows which of them are lost; in a sparse one each packet counts as a frame.
    """
    found = dict(zip(np.round(times_s, 4).tolist(), digests, strict=True))
    return {keyframe["frame_index"]: found.get(round(keyframe["time_s"], 4), "") for keyframe in keyframes}


def left_open(path, digests):
    """Find the frames of which FFmpeg leaves a part as whatever memory held, and says nothing.

    So it is where a slice of HEVC ends too early without an error.
    """
    with DecoderLog() as log:
        others, _ = plain_loop(path, THREADS)
    if log.counts:
        return set()
    return {index for index, pair in enumerate(zip(digests, others, strict=False)) if pair[0] != pair[1]}


def equal_digest(image, expected):
    return digest(image) == expected


def nearly_equal(image, expected):
    return np.abs(image.astype(int) - expected).mean() < CONVERSION


def outcome(path, folder, options):
    try:
        result = keyframes.extract(path, 6, output=folder, overwrite=True, **options)
    except KeyframesError as error:
        return "refused", str(error)
    except Exception:  # whatever it is, the parent reports it as a crash
        return "crash", traceback.format_exc()
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    # A file that OpenCV gives no picture of has another witness.
    if manifest["video"].get("read_with", "OpenCV").startswith("FFmpeg"):
        expected = dict(enumerate(image for _, image in witness(path)))
        same = nearly_equal
    else:
        digests, times_s = plain_loop(path)
        expected, same = dict(enumerate(digests)), equal_digest
        if "scan" in manifest and len(digests) < manifest["video"]["frames_claimed"]:
            expected = by_time(digests, times_s, manifest["keyframes"])
    images = (cv2.imread(str(file)) for file in result.files)
    pairs = zip(result.frame_indices, images, strict=True)
    wrong = [index for index, image in pairs if index not in expected or not same(image, expected[index])]
    if wrong and same is equal_digest and left_open(path, digests).issuperset(wrong):
        return "extracted", ""
    if wrong:
        text = f"frames {wrong} of the chosen {result.frame_indices}; another reader reads {len(expected)} frames"
        return "wrong picture", f"{text}; warnings: {list(result.warnings)}"
    return "extracted", ""


def main():
    # These files are short: segments are made so short that the damage meets them too.
    scan.plan_segments = functools.partial(scan.plan_segments, fewest=10)
    # FFmpeg and OpenCV write to descriptor 2, which is a decoder's log at times; Python's last words go past it.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    faulthandler.enable(1)
    for line in sys.stdin:
        case = json.loads(line)
        name, detail = outcome(case["path"], Path(case["folder"]), case["options"])
        print(json.dumps({"outcome": name, "detail": detail}), file=answers, flush=True)


if __name__ == "__main__":
    main()
