"""What FFmpeg says of a video is caught and counted, and nothing else is."""

import os
import subprocess
import sys
import threading

import pytest

from keyframes.video.decoder_log import DecoderLog, hand_in
from tests.conftest import ROOT


def write(text):
    os.write(2, text.encode())


def test_messages_are_counted_and_not_passed_through(capfd):
    with DecoderLog() as log:
        write("[h264 @ 0x55b1] error while decoding MB 3 12, bytestream -5\n")
        write("[h264 @ 0x77aa] error while decoding MB 9 1, bytestream -7\n[mov @ 0x1] moov atom not found\n")
    assert log.first == "error while decoding MB 3 12, bytestream -5"
    assert log.counts == {"h264: error while decoding MB N N, bytestream N": 2, "mov: moov atom not found": 1}
    assert log.summary() == "3 messages, mostly 'h264: error while decoding MB N N, bytestream N'"
    assert capfd.readouterr().err == ""


def test_the_descriptor_is_given_back(capfd):
    with DecoderLog():
        pass
    write("after\n")
    assert capfd.readouterr().err == "after\n"


def test_logs_may_be_nested_and_used_from_two_threads():
    with DecoderLog() as outer:
        write("[a @ 0x1] one\n")
        with DecoderLog() as inner:
            thread = threading.Thread(target=write, args=("[b @ 0x1] two\n",))
            thread.start()
            thread.join()
        write("[c @ 0x1] three\n")
    assert list(inner.counts) == ["b: two"]
    assert list(outer.counts) == ["a: one", "b: two", "c: three"]


def test_messages_in_this_process_say_nothing_about_pictures_that_come_from_elsewhere():
    with DecoderLog() as here, DecoderLog(elsewhere=True) as elsewhere:
        write("[av1 @ 0x1] Missing Sequence Header.\n")
        hand_in(b"[av1 @ 0] [error] Corrupt frame detected\n")
    assert list(elsewhere.counts) == ["av1: Corrupt frame detected"]
    assert "av1: Missing Sequence Header." in here.counts


def test_pythons_own_messages_still_reach_standard_error():
    program = (
        "import os, sys\n"
        "from keyframes.video.decoder_log import DecoderLog\n"
        "with DecoderLog() as log:\n"
        "    os.write(2, b'[h264 @ 0x1] broken\\n')\n"
        "    print('progress', file=sys.stderr)\n"
        "print('end', log.summary(), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr.split("\n") == ["progress", "end 'h264: broken'", ""]


def test_it_works_without_a_standard_error():
    program = (
        "import os\n"
        "os.close(2)\n"
        "from keyframes.video.decoder_log import DecoderLog\n"
        "with DecoderLog() as log: pass\n"
        "print('fine', log.summary())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "fine"


def test_of_what_is_less_than_an_error_only_broken_pictures_count():
    with DecoderLog() as log:
        write("[h264 @ 0x1] [error] error while decoding MB 3 12\n")
        write("[swscaler @ 0x1] [warning] deprecated pixel format used, make sure you did set range correctly\n")
        write("[h264 @ 0x1] [info] concealing 77 DC, 77 AC, 77 MV errors in P frame\n")
        write("[hevc @ 0x1] [warning] Skipping invalid undecodable NALU: 8\n")
        write("[mov @ 0x1] [info] handler description\n")
    assert log.counts == {
        "h264: error while decoding MB N N": 1,
        "h264: concealing N DC, N AC, N MV errors in P frame": 1,
        "hevc: Skipping invalid undecodable NALU: N": 1,
    }


def test_messages_in_colour_are_understood():
    with DecoderLog() as log:
        write("\x1b[48;5;0m\x1b[38;5;87m[h264 @ 0x1] \x1b[0m\x1b[31m[error] \x1b[0m\x1b[31mno frame!\n\x1b[0m")
        write("\x1b[38;5;87m[h264 @ 0x1] \x1b[0m\x1b[31m[error] \x1b[0m\x1b[31mno frame!\n\x1b[0m")
    assert log.counts == {"h264: no frame!": 2}


def test_many_messages_are_all_counted():
    with DecoderLog() as log:
        for _ in range(40):
            write("[h264 @ 0x1] [error] error while decoding\n" * 1000)
            log.update()
    assert log.counts.total() == 40_000


@pytest.mark.skipif(sys.platform == "win32", reason="FFmpeg's log level cannot be set in OpenCV for Windows")
def test_the_level_is_left_as_opencv_set_it(video_file):
    """FFmpeg would tell of itself in all later captures of the process."""
    program = (
        "import sys\n"
        "from keyframes.video.log_level import _library\n"
        "import cv2, keyframes\n"
        "if sys.argv[2] == 'later':\n"
        "    cv2.VideoCapture(sys.argv[1])\n"
        "    assert _library().av_log_get_level() == 16\n"
        "list(keyframes.VideoReader(sys.argv[1]))\n"
        "list(keyframes.VideoReader(sys.argv[1]))\n"
        "assert _library().av_log_get_level() == 16\n"
        "assert _library().av_log_get_flags() == 0\n"
    )
    for when in ("first", "later"):
        command = [sys.executable, "-c", program, str(video_file("h264_full_range.mp4")), when]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
        assert (done.stdout, done.stderr) == ("", "")


def test_no_message_is_lost_that_another_thread_writes_meanwhile():
    n_messages = 20000
    message = f"[h264 @ 0x55b1def55ec0] [error] {'broken ' * 20}\n".encode()
    log = DecoderLog()
    with log:
        writer = threading.Thread(target=lambda: [os.write(2, message) for _ in range(n_messages)])
        writer.start()
        while writer.is_alive():
            log.update()
        writer.join()
    assert log.counts.total() == n_messages
