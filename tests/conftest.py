import importlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from typer.testing import CliRunner

# How often a test kills or interrupts; `.ci/full kills` asks for more.
N_KILLS = int(os.environ.get("KEYFRAMES_KILLS", "1"))
ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
# Where the installed commands are.
SCRIPTS = Path(sys.executable).parent


def slow_but_for(quick, values, *others):
    """Parameters of a test that is slow, and has the other marks, but for a few of them."""
    marked = [(value, () if value in quick else (pytest.mark.slow, *others)) for value in values]
    return [pytest.param(*value if isinstance(value, tuple) else (value,), marks=marks) for value, marks in marked]


compiled_only = pytest.mark.skipif(
    os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="about compilation, or too much for plain Python"
)

SKIPPED = "keyframes/skipped"
COMMANDS = {"keyframes": "keyframes.commands.cli", "quantize": "quantize.cli"}

# A busy machine is no failure, neither where an example takes long nor where drawing one does.
hypothesis.settings.register_profile("suite", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("suite")


def stderr_of(command, *, on_terminal, kernels, cwd):
    """What a command writes to standard error, a terminal or a pipe, where compiled kernels are kept in `kernels`."""
    # What is installed is for this processor.
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(kernels), "NUMBA_CPU_NAME": "generic", "PYTHONPATH": str(ROOT)}
    reader, writer = os.openpty() if on_terminal else os.pipe()
    with open(reader, "rb", buffering=0) as theirs:
        with open(writer, "wb") as stderr:
            options = {"stderr": stderr, "stdout": subprocess.DEVNULL, "env": environment, "cwd": cwd, "check": True}
            subprocess.run([str(part) for part in command], **options)
        found = b""
        # At the end Linux raises where a pipe says that nothing follows.
        with suppress(OSError):
            while part := theirs.read(4096):
                found += part
    return found.decode()


def pytest_addoption(parser):
    parser.addoption("--skipped", action="store_true", help="run only what the latest run skipped")
    parser.addoption("--all-packages", action="store_true", help="a missing package is an error, not a reason to skip")


def pytest_configure(config):
    if config.getoption("--all-packages"):
        pytest.importorskip = lambda name, *_, **__: importlib.import_module(name)
    if config.pluginmanager.hasplugin("cacheprovider"):
        config.pluginmanager.register(SkippedTests(config))


def pytest_collection_modifyitems(config, items):
    if config.getoption("--skipped"):
        skipped = set(config.cache.get(SKIPPED, []))
        chosen = [item for item in items if not skipped.isdisjoint({item.nodeid, item.nodeid.partition("::")[0]})]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


class SkippedTests:
    """Keep the names of the tests and modules that a run skips, for ``--skipped``."""

    def __init__(self, config):
        self.config, self.names = config, set()

    def pytest_runtest_logreport(self, report):
        if report.skipped and not hasattr(report, "wasxfail"):
            self.names.add(report.nodeid)

    pytest_collectreport = pytest_runtest_logreport

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node):
        """Learn all that a worker of pytest-xdist skipped: of modules that one line skips it reports one alone."""
        self.names.update(node.workeroutput["skipped"])

    def pytest_sessionfinish(self):
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput["skipped"] = sorted(self.names)
        else:
            self.config.cache.set(SKIPPED, sorted(self.names))


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data():
    """Real recordings that lie beside some checkouts."""
    if not (SHARED / "data").is_dir():
        pytest.skip("the recordings in ../shared/data are not on this machine")
    return SHARED / "data"


@pytest.fixture(scope="session")
def chromium():
    """Headless Chromium, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs Playwright, of the dev extra")
    names = ("chromium", "chromium-browser", "google-chrome")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        # Root, as which CI runs, has no sandbox.
        browser = started.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open a page; what it complains of and what it asks for are lists of it: `page.complaints`, `page.requests`."""
    contexts = []

    def open_address(address, width=1280, height=860, color_scheme="light"):
        contexts.append(chromium.new_context(viewport={"width": width, "height": height}, color_scheme=color_scheme))
        page = contexts[-1].new_page()
        page.complaints, page.requests = [], []
        page.on("console", lambda message: page.complaints.append(message.text))
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("request", lambda request: page.requests.append(request.url))
        page.goto(address)
        return page

    yield open_address
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def run_command():
    """Run a command in this process, by Typer's runner: `run_command("keyframes", "info", path)`.

    It saves the start of a process, a second or two each time. Where the process itself matters (signals, a locale,
    the terminal, what FFmpeg prints), use `run_installed`.
    """

    def run(name, *arguments, cwd=None, stdin=None):
        app = importlib.import_module(COMMANDS[name]).app
        arguments = [str(argument) for argument in arguments]
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(cwd or Path.cwd())
            done = CliRunner().invoke(
                app, arguments, stdin, env={"COLUMNS": "200"}, catch_exceptions=False, prog_name=name
            )
        return subprocess.CompletedProcess([name, *arguments], done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def run_as_written(run_command):
    """Run a line of the documentation in a folder: `run_as_written("keyframes info mouse.mp4", folder)`.

    What needs a shell, a pipe or a pattern, runs in one, by the installed command.
    """

    def run(line, folder):
        if re.search("[*<|]", re.sub("'[^']*'|#.*", "", line)):
            path = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
            done = subprocess.run(
                line, shell=True, cwd=folder, env={**os.environ, "PATH": path}, capture_output=True, text=True
            )
        else:
            done = run_command(*shlex.split(line, comments=True), cwd=folder)
        assert done.returncode == 0, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def run_installed():
    """Run an installed command in a process, as its user does: `run_installed("keyframes", "info", path)`."""

    def run(name, *arguments, cwd=None, env=None, timeout=120):
        return subprocess.run(
            [str(SCRIPTS / name), *(str(argument) for argument in arguments)],
            cwd=cwd,
            env={**os.environ, "COLUMNS": "200", **(env or {})},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout,
        )

    return run


@pytest.fixture
def closed_terminal():
    """The signal of a terminal that is closed; ``nohup``, which may have started the tests, has it ignored."""
    if not hasattr(signal, "SIGHUP"):
        pytest.skip("Windows closes no terminal by a signal")
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield signal.SIGHUP
    signal.signal(signal.SIGHUP, before)
