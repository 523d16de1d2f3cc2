"""Opening a file: each capture gets the options that were asked for it, whatever other threads open."""

import os
import threading
from concurrent.futures import ThreadPoolExecutor

import cv2
import pytest

from keyframes.video import PLAIN, View
from keyframes.video.captures import open_capture, open_packets, released

OPTIONS = "OPENCV_FFMPEG_CAPTURE_OPTIONS"
LEAVING_OUT = View(discard="bidir")


def count(path, view):
    with released(open_capture(path, 1, view)) as capture:
        return sum(iter(capture.grab, False))


def test_a_capture_opened_beside_one_that_leaves_frames_out_has_all_of_them(video_file):
    path = video_file("h264_b_frames.mp4")
    whole, left = count(path, PLAIN), count(path, LEAVING_OUT)
    assert left < whole
    counts, ended = [], threading.Event()

    def leave_out():
        while not ended.is_set():
            counts.append(count(path, LEAVING_OUT))

    others = [threading.Thread(target=leave_out) for _ in range(2)]
    for thread in others:
        thread.start()
    try:
        assert [count(path, PLAIN) for _ in range(40)] == [whole] * 40
    finally:
        ended.set()
        for thread in others:
            thread.join()
    assert set(counts) == {left}


def test_openings_without_an_option_do_not_wait_for_each_other(video_file, monkeypatch):
    path, both = video_file("h264_b_frames.mp4"), threading.Barrier(2, timeout=60)
    capture_of = cv2.VideoCapture

    def wait_for_the_other(*given):
        both.wait()
        return capture_of(*given)

    monkeypatch.setattr("keyframes.video.captures.cv2.VideoCapture", wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        openings = [pool.submit(open_capture, path, 1), pool.submit(open_packets, path)]
        for opening in openings:
            with released(opening.result()) as capture:
                assert capture.isOpened()


@pytest.mark.parametrize("options", [None, "threads;1"])
def test_the_users_own_options_stay_as_they_are(options, video_file, monkeypatch):
    path = video_file("h264_b_frames.mp4")
    if options is None:
        monkeypatch.delenv(OPTIONS, raising=False)
    else:
        monkeypatch.setenv(OPTIONS, options)
    assert count(path, LEAVING_OUT) < count(path, PLAIN)
    assert os.environ.get(OPTIONS) == options
