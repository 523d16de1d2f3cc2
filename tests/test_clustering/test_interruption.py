"""An interruption leaves no lock taken and no thread to itself, wherever it comes."""

import shutil
import signal
import subprocess
import sys

import pytest

from tests.conftest import ROOT

# Interrupts one run after the other, each one event of the interpreter later: a call, a line, a step or a return within
# Python's own threads. `faulthandler` ends the process where one of them waits forever.
AT_EVERY_STEP = """
import faulthandler, signal, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from clustering import interruption

interruption.AGAIN_S = 0.001
LIBRARY = {"threading", "concurrent.futures.thread", "concurrent.futures._base"}
go_on = threading.Event()

def command():
    pool = ThreadPoolExecutor(2)
    try:
        waiting = [pool.submit(go_on.wait, 0.002) for _ in range(2)]
        for future in waiting:
            future.result()
    finally:
        pool.shutdown(cancel_futures=True)
        sys.settrace(None)

def interrupt_at(step):
    n_steps = 0
    def trace(frame, event, _):
        nonlocal n_steps
        if frame.f_globals.get("__name__") not in LIBRARY:
            return None
        frame.f_trace_opcodes = True
        n_steps += 1
        if n_steps == step:
            signal.raise_signal(signal.SIGTERM)
        return trace
    sys.settrace(trace)
    try:
        command()
        while interruption._postponed:
            time.sleep(0.001)
    except BaseException:
        if not interruption._received:
            raise
    finally:
        sys.settrace(None)
    return n_steps

def main():
    step = 1
    while True:
        faulthandler.dump_traceback_later(20, exit=True)
        n_steps = interrupt_at(step)
        faulthandler.cancel_dump_traceback_later()
        interruption._received.clear()
        if n_steps < step:
            break
        step += 1
    print(step, threading.active_count())

interruption.run_interruptible(main)
"""


@pytest.mark.slow
@pytest.mark.alone
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no interval timer")
def test_interrupted_at_every_step_of_a_thread_pool():
    done = subprocess.run([sys.executable, "-c", AT_EVERY_STEP], capture_output=True, text=True, timeout=500, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    n_steps, n_threads = map(int, done.stdout.split())
    assert n_steps > 500
    assert n_threads == 1


@pytest.mark.skipif(shutil.which("nohup") is None, reason="needs nohup")
def test_what_ignores_a_closed_terminal_goes_on():
    program = (
        "import signal; from clustering import run_interruptible\n"
        "run_interruptible(lambda: (signal.raise_signal(signal.SIGHUP), print('went on')))\n"
    )
    done = subprocess.run(["nohup", sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout.strip()) == (0, "went on")
