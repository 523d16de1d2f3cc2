"""The installed command, as its users run it."""

import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import quantize
from tests.conftest import ROOT
from tests.test_quantize.conftest import photo


@pytest.fixture
def command(run_command, tmp_path):
    def run(*arguments, **options):
        return run_command("quantize", *arguments, cwd=tmp_path, **options)

    return run


@pytest.fixture
def picture(tmp_path):
    Image.fromarray(photo(60, 80)).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def names(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_there_and_back(command, picture, tmp_path):
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
    Image.fromarray(photo(20, 30)).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"profile")
    for name, options, kept in (("a", [], True), ("b", ["--strip"], False)):
        assert command("a.jpg", "-o", f"{name}.vqi", *options).returncode == 0
        assert command("--decode", f"{name}.vqi", "-o", f"{name}.png").returncode == 0
        with Image.open(tmp_path / f"{name}.png") as image:
            assert image.size == (20, 30)
            assert (image.getexif().get(0x010F) == "camera") == kept
            assert (image.info.get("icc_profile") == b"profile") == kept


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
    assert names(tmp_path / "out") == [f"{number:03d}.vqi" for number in range(20)]
    times = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]
    (tmp_path / "out" / "007.vqi").unlink()
    again = command("in", "-o", "out", "--block", 2)
    assert "1 done, 19 done before, 3 failed" in again.stderr
    after = [path.stat().st_mtime_ns for path in sorted((tmp_path / "out").iterdir())]
    assert sum(a != b for a, b in zip(times, after, strict=True)) == 1


def test_equal_stems_do_not_collide(command, tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in ("a.png", "a.bmp", "b.png"):
        Image.fromarray(photo(16, 16)).save(folder / name)
    assert command("in", "-o", "out", "--block", 2).returncode == 0
    assert names(tmp_path / "out") == ["a-bmp.vqi", "a-png.vqi", "b.vqi"]


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
    assert "quantize.blocks" not in modules


def test_a_palette_needs_no_other_profile(picture, tmp_path):
    _, modules = loaded_by(picture, "--block", 1, "-o", tmp_path / "few.png")
    assert (tmp_path / "few.png").exists()
    assert "quantize.palette" in modules
    assert "quantize.blocks" not in modules
    assert "quantize.multiresolution.profile" not in modules
