"""The command as a process: what it loads and compiles, signals, links, permissions and names."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from PIL import Image

import quantize
from tests.conftest import ROOT, SCRIPTS, stderr_of
from tests.test_quantize.conftest import names, photo


@pytest.mark.skipif(sys.platform == "win32", reason="only a POSIX shell closes a stream so")
@pytest.mark.parametrize(
    ("arguments", "told"),
    [("- -o a.vqi <&-", "standard input is closed"), ("photo.png -o - >&-", "standard output is closed")],
)
def test_a_closed_stream_is_one_line(arguments, told, picture, tmp_path):
    command = f"{SCRIPTS / 'quantize'} {arguments}"
    done = subprocess.run(["sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert told in done.stderr


def test_the_installed_command_tells_errors_and_wrong_usage_too(run_installed, picture, tmp_path):
    for arguments, status in (("photo.png", "--quality", "0"), 2), (("nothing.png",), 1):
        done = run_installed("quantize", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr
        assert "Traceback" not in done.stderr
    assert names(tmp_path) == ["photo.png"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full, which is always full")
@pytest.mark.parametrize("arguments", [("photo.png",), ("photo.png", "-o", "-"), ("--version",)])
def test_a_full_disk_behind_standard_output_is_one_line(arguments, picture, tmp_path):
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "quantize", *arguments]
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert done.returncode == 1
    told = "error: the output cannot be written (No space left on device); free space"
    assert done.stderr.splitlines()[-1] == told
    assert "Traceback" not in done.stderr


def test_the_module_and_the_version():
    done = subprocess.run(
        [sys.executable, "-m", "quantize", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"quantize {quantize.__version__}\n"


def loaded_by(*arguments):
    """Modules that a command has loaded in the end, and whether it looks for garbage again."""
    program = (
        "import sys\n"
        "from quantize.__main__ import main\n"
        f"sys.argv = ['quantize', *{[str(argument) for argument in arguments]!r}, '-q']\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    import gc\n"
        "    print(gc.isenabled(), *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    collects, *modules = done.stdout.split()
    return collects == "True", modules


def test_a_photograph_needs_no_linear_algebra(picture, tmp_path):
    collects, modules = loaded_by(picture, "-o", tmp_path / "photo.vqi")
    assert (tmp_path / "photo.vqi").exists()
    assert collects
    assert "scipy.linalg" not in modules
    assert "quantize.block.profile" not in modules


def test_a_palette_needs_no_other_profile(picture, tmp_path):
    _, modules = loaded_by(picture, "--block", 1, "-o", tmp_path / "few.png")
    assert (tmp_path / "few.png").exists()
    assert "quantize.palette.colors" in modules
    assert "quantize.block.profile" not in modules
    assert "quantize.multiresolution.profile" not in modules


def test_a_palette_compiles_nothing(picture, tmp_path):
    _, modules = loaded_by(picture, "--block", 1, "-o", tmp_path / "few.png")
    assert "numba" not in modules


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no os.openpty")
def test_a_first_run_says_that_it_compiles_on_a_terminal_only(picture, tmp_path):
    program = SCRIPTS / "quantize"
    command = [program, "photo.png", "--block", "1", "--dither", "--codewords", "8", "-f", "-o", "a.png"]

    def told(on_terminal, cache):
        return stderr_of(command, on_terminal=on_terminal, kernels=tmp_path / cache, cwd=tmp_path)

    assert told(True, "cache").count("compiling code, once; this takes") == 1
    assert "compiling" not in told(True, "cache")
    assert told(False, "another") == ""


@pytest.mark.skipif(sys.platform == "win32", reason="signals and permissions are those of POSIX")
class TestOnPosix:
    @pytest.mark.slow
    def test_an_interruption_is_obeyed_and_nothing_is_written(self, tmp_path):
        Image.fromarray(photo(2400, 2400)).save(tmp_path / "large.png", compress_level=1)
        program = str(SCRIPTS / "quantize")
        arguments = [program, "large.png", "--block", "1", "--quality", "60", "-o", "a.png"]
        running = subprocess.Popen(arguments, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
        maps = Path(f"/proc/{running.pid}/maps")
        # On a busy machine Python itself may take seconds to start.
        while maps.exists() and "_imaging" not in maps.read_text() and running.poll() is None:
            time.sleep(0.1)
        time.sleep(1)
        assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, told = running.communicate(timeout=60)
        assert running.returncode == 130
        assert told.splitlines()[-1] == "interrupted"
        assert names(tmp_path) == ["large.png"]

    def test_what_a_link_points_to_is_replaced(self, command, picture, tmp_path):
        (tmp_path / "elsewhere").mkdir()
        (tmp_path / "elsewhere" / "real.png").write_text("old")
        (tmp_path / "link.png").symlink_to(Path("elsewhere") / "real.png")
        assert command("photo.png", "--block", 1, "-o", "link.png").returncode == 1
        assert command("photo.png", "--block", 1, "-o", "link.png", "--force").returncode == 0
        assert (tmp_path / "link.png").is_symlink()
        assert (tmp_path / "elsewhere" / "real.png").read_bytes().startswith(b"\x89PNG")

    @pytest.mark.parametrize("mode", [0o600, 0o640])
    def test_a_private_image_stays_private(self, mode, command, picture, tmp_path):
        picture.chmod(mode)
        assert command("photo.png", "--block", 1, "-o", "a.png").returncode == 0
        assert (tmp_path / "a.png").stat().st_mode & 0o777 & ~mode == 0
        assert command("photo.png", "-o", "a.vqi", "--report").returncode == 0
        assert command("--decode", "a.vqi", "-o", "back.png").returncode == 0
        for name in ("a.vqi", "a.vqi-report.html", "back.png"):
            assert (tmp_path / name).stat().st_mode & 0o777 & ~mode == 0

    @pytest.mark.skipif(sys.platform == "darwin", reason="names are UTF-8 there")
    def test_a_name_that_is_no_text(self, picture, tmp_path):
        name = b"caf\xe9.png"
        os.rename(os.fsencode(picture), os.path.join(os.fsencode(tmp_path), name))
        program = os.fsencode(SCRIPTS / "quantize")
        environment = {**os.environ, "PYTHONIOENCODING": "utf-8:strict"}
        for options in ([b"--report"], [b"--json", b"--force"]):
            arguments = [program, name, b"--block", b"1", *options]
            done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, env=environment)
            assert done.returncode == 0, done.stderr
            assert b"Traceback" not in done.stderr
        assert json.loads(done.stdout)["results"][0]["image"] == os.fsdecode(name)
        pages = list(tmp_path.glob("*.html"))
        assert len(pages) == 1
        assert "caf" in pages[0].read_text(encoding="utf-8")
