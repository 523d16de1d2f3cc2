"""The command, as its users run it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

import quantize
from tests.conftest import ROOT
from tests.test_quantize.conftest import photo


@pytest.fixture
def command(run_command, tmp_path):
    return partial(run_command, "quantize", cwd=tmp_path)


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(photo(60, 80)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def visible(folder):
    """Names of all files but for the records."""
    return [name for name in names(folder) if not name.startswith(".")]


def test_there_and_back(run_installed, picture, tmp_path):
    command = partial(run_installed, "quantize", cwd=tmp_path)
    done = command("photo.png", "-o", "small.vqi")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    for word in ("photo.png", "bits a pixel", "PSNR", "SSIM", " s, "):
        assert word in done.stdout
    assert command("--decode", "small.vqi", "-o", "back.png").returncode == 0
    decoded = quantize.decode((tmp_path / "small.vqi").read_bytes())
    assert (np.asarray(Image.open(tmp_path / "back.png")) == decoded).all()


@pytest.mark.parametrize(("options", "name"), [([], "photo.vqi"), (["--block", "1"], "photo-quantized.png")])
def test_where_results_go(options, name, command, picture, tmp_path):
    assert command("photo.png", *options).returncode == 0
    assert names(tmp_path) == sorted(["photo.png", name])


def test_few_colors_become_a_png(command, tmp_path):
    Image.fromarray((np.indices((20, 20)).sum(0) % 5 * 40).astype(np.uint8)).save(tmp_path / "a.png")
    done = command("a.png")
    assert "lossless" in done.stdout
    assert (
        np.asarray(Image.open(tmp_path / "a-quantized.png").convert("L")) == np.asarray(Image.open(tmp_path / "a.png"))
    ).all()


def test_a_palette_png_has_as_many_colors_as_asked_for(command, picture, tmp_path):
    assert command("photo.png", "--codewords", 7, "-o", "a.png").returncode == 0
    assert len(np.unique(np.asarray(Image.open(tmp_path / "a.png").convert("RGB")).reshape(-1, 3), axis=0)) == 7
    assert command("photo.png", "--codewords", 7, "--dither", "-o", "b.png").returncode == 0
    assert (tmp_path / "a.png").read_bytes() != (tmp_path / "b.png").read_bytes()


def test_what_exists_is_kept_unless_forced(command, picture, tmp_path):
    (tmp_path / "photo.vqi").write_text("precious")
    done = command("photo.png")
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (tmp_path / "photo.vqi").read_text() == "precious"
    assert command("photo.png", "--force").returncode == 0
    assert (tmp_path / "photo.vqi").read_bytes().startswith(b"\x89VQI")


def test_json(command, picture):
    done = command("photo.png", "--json", "--quality", 70)
    (result,) = json.loads(done.stdout)["results"]
    assert result["psnr"] > 30
    assert result["bits_per_pixel"] == pytest.approx(8 * result["bytes"] / 4800)
    assert result["profile"] == "multiresolution"


@pytest.mark.parametrize(
    ("options", "least", "most"),
    [
        (["--psnr", 33], (33, "psnr"), (33.1, "psnr")),
        (["--bpp", 1.5], (1.47, "bits_per_pixel"), (1.53, "bits_per_pixel")),
    ],
)
def test_targets(options, least, most, command, picture):
    (result,) = json.loads(command("photo.png", "--json", *options).stdout)["results"]
    assert least[0] <= result[least[1]]
    assert result[most[1]] <= most[0]


def test_a_target_out_of_reach_names_the_nearest(command, picture, tmp_path):
    done = command("photo.png", "--max-bytes", 20)
    assert done.returncode == 1
    assert "photo.png" in done.stderr
    assert "least is" in done.stderr
    assert names(tmp_path) == ["photo.png"]


def test_the_exits_of_pngquant(command, picture, tmp_path):
    assert command("photo.png", "--block", 1, "--codewords", 2, "--min-quality", 80).returncode == 99
    small = tmp_path / "small.png"
    Image.fromarray(photo(2, 2)).save(small)
    assert command("small.png", "-o", "a.vqi", "--skip-if-larger").returncode == 98
    assert names(tmp_path) == ["photo.png", "small.png"]


def test_standard_input_and_output(picture, tmp_path):
    program = str(Path(sys.executable).parent / "quantize")
    encoded = subprocess.run([program, "-"], input=picture.read_bytes(), capture_output=True, check=True)
    assert b"bits a pixel" in encoded.stderr
    decoded = subprocess.run([program, "--decode", "-"], input=encoded.stdout, capture_output=True, check=True)
    assert (np.asarray(Image.open(io.BytesIO(decoded.stdout))) == quantize.decode(encoded.stdout)).all()
    palette = subprocess.run(
        [program, "-", "--block", "1", "-q"], input=picture.read_bytes(), capture_output=True, check=True
    )
    assert palette.stderr == b""
    assert Image.open(io.BytesIO(palette.stdout)).mode == "P"


def test_metadata_stay_or_go(command, tmp_path):
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "camera"
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.jpg", exif=exif, icc_profile=PROFILE)
    for name, options, kept in (("a", [], True), ("b", ["--strip"], False)):
        assert command("a.jpg", "-o", f"{name}.vqi", *options).returncode == 0
        assert command("--decode", f"{name}.vqi", "-o", f"{name}.png").returncode == 0
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.size == (20, 30)
            assert (image.getexif().get(0x010F) == "camera") == kept
            assert (image.info.get("icc_profile") == PROFILE) == kept


def test_info(command, picture):
    command("photo.png", "-o", "a.vqi", "--block", 2)
    done = command("--info", "a.vqi")
    assert done.returncode == 0
    assert "80" in done.stdout
    assert json.loads(command("--info", "a.vqi", "--json").stdout)["block"] == 2


def test_levels_of_a_file_that_is_cut_off(command, picture, tmp_path):
    assert command("photo.png", "-o", "a.vqi", "--tune", "ssim").returncode == 0
    data = (tmp_path / "a.vqi").read_bytes()
    (tmp_path / "cut.vqi").write_bytes(data[: len(data) * 2 // 3])
    assert command("--decode", "cut.vqi", "-o", "small.png", "--level", 1).returncode == 0
    with Image.open(tmp_path / "small.png") as image:
        assert image.size == (40, 30)
    done = command("--decode", "cut.vqi", "-o", "whole.png")
    assert done.returncode == 1
    assert "cut off" in done.stderr
    assert command("photo.png", "--level", 1).returncode == 2


def test_a_shared_codebook(command, tmp_path):
    (tmp_path / "pictures").mkdir()
    for seed in range(3):
        Image.fromarray(photo(80, 80, seed)).save(tmp_path / "pictures" / f"{seed}.png")
    assert command("pictures", "--train-codebook", "book.vqc").returncode == 0
    assert command("pictures/0.png", "--codebook", "book.vqc", "-o", "a.vqi").returncode == 0
    done = command("--decode", "a.vqi", "-o", "a.png")
    assert done.returncode == 1
    assert "--codebook" in done.stderr
    assert command("--decode", "a.vqi", "--codebook", "book.vqc", "-o", "a.png").returncode == 0


def test_a_folder_with_bad_images(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(20):
        Image.fromarray(photo(16, 16, number)).save(folder / f"{number:03d}.png")
    Image.fromarray(photo(100, 100)).save(folder / "cut.jpg")
    (folder / "cut.jpg").write_bytes((folder / "cut.jpg").read_bytes()[:1500])
    (folder / "text.png").write_text("no image")
    (folder / "empty.gif").write_bytes(b"")
    (folder / "notes.txt").write_text("passed by")
    done = command("in", "-o", "out", "--block", 2)
    assert done.returncode == 1
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 3
    for name in ("cut.jpg", "text.png", "empty.gif"):
        assert sum(name in line for line in errors) == 1
    assert visible(tmp_path / "out") == [f"{number:03d}.vqi" for number in range(20)]
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*.vqi"))]
    (tmp_path / "out" / "007.vqi").unlink()
    again = command("in", "-o", "out", "--block", 2)
    assert "1 done, 19 done before, 3 failed" in again.stderr
    after = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").glob("*.vqi"))]
    assert sum(a != b for a, b in zip(times, after, strict=True)) == 1


def test_equal_stems_do_not_collide(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.bmp", "b.png"):
        Image.fromarray(photo(16, 16)).save(folder / name)
    assert command("in", "-o", "out", "--block", 2).returncode == 0
    assert visible(tmp_path / "out") == ["a-bmp.vqi", "a-png.vqi", "b.vqi"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["photo.png", "--quality", "0"],
        ["photo.png", "--quality", "50", "--psnr", "30"],
        ["photo.png", "--block", "3"],
        ["photo.png", "--block", "2", "-o", "a.png"],
        ["photo.png", "--decode", "a.vqi"],
        ["photo.png", "--no-such-option"],
        ["--train-codebook", "a.vqc"],
        ["photo.png", "-o", "-", "--json"],
    ],
)
def test_wrong_usage(arguments, command, picture, tmp_path):
    done = command(*arguments)
    assert done.returncode == 2, done.stderr
    assert names(tmp_path) == ["photo.png"]


def test_the_installed_command_tells_errors_and_wrong_usage_too(run_installed, picture, tmp_path):
    for arguments, status in (("photo.png", "--quality", "0"), 2), (("nothing.png",), 1):
        done = run_installed("quantize", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (status, "")
        assert done.stderr
        assert "Traceback" not in done.stderr
    assert names(tmp_path) == ["photo.png"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nothing.png"],
        ["--decode", "nothing.vqi"],
        ["--decode", "photo.png"],
        ["--info", "photo.png"],
        ["photo.png", "-o", "a.jpg"],
        ["."],
        ["photo.png", "--codebook", "photo.png"],
        ["photo.png", "--max-pixels", "10"],
    ],
)
def test_errors_take_one_line(arguments, command, picture, tmp_path):
    if arguments == ["."]:
        picture.rename(tmp_path / "photo.txt")
    done = command(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


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


def test_a_folder_is_done_again_where_the_source_or_the_settings_changed(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(photo(24, 24)).save(folder / name)
    arguments = ("in", "-o", "out", "--block", 1)
    assert "2 done, 0 done before" in command(*arguments, "--codewords", 16).stderr
    first = {path.name: path.read_bytes() for path in (tmp_path / "out").glob("*.png")}
    assert "0 done, 2 done before" in command(*arguments, "--codewords", 16).stderr
    Image.fromarray(255 - photo(24, 24)).save(folder / "b.png")
    assert "1 done, 1 done before" in command(*arguments, "--codewords", 16).stderr
    assert (tmp_path / "out" / "a-quantized.png").read_bytes() == first["a-quantized.png"]
    assert (tmp_path / "out" / "b-quantized.png").read_bytes() != first["b-quantized.png"]
    assert "2 done, 0 done before" in command(*arguments, "--codewords", 4).stderr
    assert len(Image.open(tmp_path / "out" / "a-quantized.png").getcolors()) <= 4


def test_a_result_of_another_kind_does_not_stay(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray((np.indices((20, 20)).sum(0) % 5 * 40).astype(np.uint8)).save(folder / "a.png")
    Image.fromarray((np.indices((20, 20)).sum(0) % 3 * 90).astype(np.uint8)).save(folder / "b.png")
    assert command("in", "-o", "out").returncode == 0
    assert visible(tmp_path / "out") == ["a-quantized.png", "b-quantized.png"]
    Image.fromarray(photo(90, 90)).save(folder / "a.png")
    assert command("in", "-o", "out").returncode == 0
    assert visible(tmp_path / "out") == ["a.vqi", "b-quantized.png"]


def test_a_file_that_was_not_made_here_is_kept(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(photo(24, 24)).save(folder / "a.png")
    Image.fromarray(photo(24, 24, 1)).save(folder / "b.png")
    arguments = ("in", "-o", "out", "--block", 1, "--codewords")
    assert command(*arguments, 16).returncode == 0
    (tmp_path / "out" / "a-quantized.png").write_text("precious")
    done = command(*arguments, 8)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (tmp_path / "out" / "a-quantized.png").read_text() == "precious"


def test_a_run_that_was_killed_goes_on(command, tmp_path):
    """Between the record and the file: the record alone is no result."""
    folder = tmp_path / "in"
    folder.mkdir()
    Image.fromarray(photo(24, 24)).save(folder / "a.png")
    assert command("in", "-o", "out", "--block", 1).returncode == 0
    records = tmp_path / "out" / ".quantize-records.jsonl"
    records.write_bytes(records.read_bytes() + b'{"place": "b')
    (tmp_path / "out" / "a-quantized.png").unlink()
    assert command("in", "-o", "out", "--block", 1).returncode == 0
    assert command("in", "-o", "out", "--block", 1, "--json").returncode == 0
    assert visible(tmp_path / "out") == ["a-quantized.png"]


@pytest.mark.skipif(sys.platform == "win32", reason="signals and permissions are those of POSIX")
class TestOnPosix:
    def test_an_interruption_is_obeyed_and_nothing_is_written(self, tmp_path):
        Image.fromarray(photo(2400, 2400)).save(tmp_path / "large.png", compress_level=1)
        program = str(Path(sys.executable).parent / "quantize")
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
        program = os.fsencode(Path(sys.executable).parent / "quantize")
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


def test_a_result_that_is_larger_is_reported(command, tmp_path):
    Image.fromarray(photo(40, 40)).save(tmp_path / "a.jpg", quality=20)
    done = command("a.jpg", "--block", 1)
    assert done.returncode == 0
    assert "more than the original's" in done.stderr


def test_dither_of_a_photograph_is_reported(command, picture, tmp_path):
    Image.fromarray(photo(300, 300)).save(tmp_path / "large.png")
    done = command("large.png", "--dither")
    assert done.returncode == 0
    assert "not dithered" in done.stderr
    assert "not dithered" not in command("large.png", "--dither", "--block", 1).stderr


def test_a_level_of_dithering(command, picture, tmp_path):
    for name, options in (("none", []), ("zero", ["--dither-level", 0]), ("half", ["--dither-level", 0.5])):
        assert command("photo.png", "--codewords", 8, "-o", f"{name}.png", *options).returncode == 0
    assert command("photo.png", "--codewords", 8, "-o", "full.png", "--dither").returncode == 0
    none, zero, half, full = ((tmp_path / f"{name}.png").read_bytes() for name in ("none", "zero", "half", "full"))
    assert none == zero
    assert len({none, half, full}) == 3
    assert command("photo.png", "--dither-level", 2).returncode == 2


def test_a_new_folder_for_one_image(command, picture, tmp_path):
    assert command("photo.png", "--block", 1, "-o", "new/").returncode == 0
    assert names(tmp_path) == ["new/photo-quantized.png", "photo.png"]


def test_a_palette_compiles_nothing(picture, tmp_path):
    _, modules = loaded_by(picture, "--block", 1, "-o", tmp_path / "few.png")
    assert "numba" not in modules


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_first_run_says_that_it_compiles_on_a_terminal_only(picture, tmp_path):
    program = str(Path(sys.executable).parent / "quantize")

    def told(on_terminal, cache):
        arguments = [program, "photo.png", "--block", "1", "--dither", "--codewords", "8", "-f", "-o", "a.png"]
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cache)}
        reader, writer = os.openpty() if on_terminal else os.pipe()
        subprocess.run(arguments, cwd=tmp_path, stderr=writer, stdout=subprocess.DEVNULL, env=environment, check=True)
        os.close(writer)
        found = b""
        # At the end Linux raises where a pipe says that nothing follows.
        with suppress(OSError):
            while part := os.read(reader, 4096):
                found += part
        os.close(reader)
        return found.decode()

    assert told(True, "cache").count("compiles") == 1
    assert "compiles" not in told(True, "cache")
    assert told(False, "another") == ""
