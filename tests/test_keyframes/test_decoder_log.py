import os
import subprocess
import sys
import threading

from keyframes.decoder_log import DecoderLog


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


def test_pythons_own_messages_still_reach_standard_error():
    program = (
        "import os, sys\n"
        "from keyframes.decoder_log import DecoderLog\n"
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
        "from keyframes.decoder_log import DecoderLog\n"
        "with DecoderLog() as log: pass\n"
        "print('fine', log.summary())\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "fine"
