"""A process for what may kill it: it is handed one damaged file after another, and answers what became of each."""

import json
import queue
import signal
import subprocess
import sys
import threading

from tests.conftest import ROOT


class Worker:
    """A process that answers each case, a line of text, by a line of JSON: `{"outcome": …, "detail": …}` and the like.

    One that dies or hangs is an answer too, "death" or "hang", and replaced.

    Parameters
    ----------
    module : str
        What it runs.
    folder : Path
        For its error output, and whatever its cases need.
    seconds : int
        How long it may take for a case.
    """

    def __init__(self, module, folder, seconds):
        self.module, self.folder, self.seconds = module, folder, seconds
        self.process = None

    def start(self):
        self.errors = (self.folder / "errors.txt").open("w+", encoding="utf-8", errors="replace")
        self.process = subprocess.Popen(
            [sys.executable, "-X", "faulthandler", "-m", self.module],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            encoding="utf-8",
        )
        self.answers = queue.Queue()
        threading.Thread(target=self.listen, args=(self.process, self.answers), daemon=True).start()

    @staticmethod
    def listen(process, answers):
        for line in process.stdout:
            answers.put(json.loads(line))
        answers.put(None)

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.errors.close()
            self.process = None

    def ask(self, case, seconds=None):
        if self.process is None:
            self.start()
        print(case, file=self.process.stdin, flush=True)
        answer = self.wait(seconds or self.seconds)
        if answer is None:
            answer = {"outcome": "death", "detail": self.last_words()}
        elif answer["outcome"] == "hang":
            # Python's fault handler then writes where each thread is.
            self.process.send_signal(signal.SIGABRT)
            answer["detail"] += f"; {self.last_words()}"
        if answer["outcome"] in ("death", "hang"):
            self.stop()
        return answer

    def last_words(self):
        code = self.process.wait()
        self.errors.seek(0)
        words, _, _ = self.errors.read().partition("Extension modules:")
        return f"status {code}: {words[-4000:]}"

    def wait(self, seconds):
        # Second by second: a pause of the whole machine counts as one second, not as a hang.
        for _ in range(seconds):
            try:
                return self.answers.get(timeout=1)
            except queue.Empty:
                continue
        return {"outcome": "hang", "detail": f"no answer in {seconds} s"}
