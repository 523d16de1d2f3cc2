"""The command, as its users run it."""

import io
import json
import shutil
import subprocess
import sys
import weakref
from functools import partial

import numpy as np
import pytest
from PIL import Image, ImageCms

import quantize
from quantize.datatypes import Picture
from quantize.images.files import read_image
from tests.conftest import SCRIPTS
from tests.test_quantize.conftest import names, photo

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def test_there_and_back(run_installed, picture, tmp_path):
    command = partial(run_installed, "quantize", cwd=tmp_path)
    done = command("photo.png", "-o", "small.vqi")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) == 1
    for word in ("photo.png", "bits per pixel", "PSNR", "SSIM", " s, "):
        assert word in done.stdout
    assert command("--decode", "small.vqi", "-o", "back.png").returncode == 0
    decoded = quantize.decode((tmp_path / "small.vqi").read_bytes())
    assert (np.asarray(Image.open(tmp_path / "back.png")) == decoded).all()


def test_a_decoded_image_has_the_suffix_and_the_folder_that_are_asked_for(command, picture, tmp_path):
    before = (tmp_path / "photo.png").read_bytes()
    assert command("photo.png").returncode == 0
    assert command("--decode", "photo.vqi", "--suffix", "-back", "--force").returncode == 0
    assert command("--decode", "photo.vqi", "-o", "new/").returncode == 0
    assert command("--decode", "photo.vqi", "-o", "new", "--suffix", "-2").returncode == 0
    assert (tmp_path / "photo.png").read_bytes() == before
    found = [(tmp_path / name).read_bytes() for name in ("photo-back.png", "new/photo.png", "new/photo-2.png")]
    assert len(set(found)) == 1


def test_quality_0_is_a_limit_too(command, tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")
    done = command("a.png", "--block", 8, "--min-quality", 0)
    assert done.returncode == 99
    assert "below the 20.00 dB of quality 0; not written" in done.stderr
    assert names(tmp_path) == ["a.png"]


def test_a_codebook_that_is_there_stays(command, picture, tmp_path):
    (tmp_path / "b.vqc").write_text("mine")
    (tmp_path / "bad.png").write_text("no image")
    done = command("photo.png", "bad.png", "--train-codebook", "b.vqc")
    # Told before any image is read.
    assert (done.returncode, done.stderr.count("error:")) == (1, 1)
    assert "choose another path with --train-codebook" in done.stderr
    assert (tmp_path / "b.vqc").read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets few users make symbolic links")
def test_a_link_to_itself_is_one_line(command, picture, tmp_path):
    (tmp_path / "loop.vqi").symlink_to("loop.vqi")
    done = command("photo.png", "-o", "loop.vqi", "--force")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "loop.vqi: cannot be written" in done.stderr


def test_a_file_is_no_folder_for_a_web_page(command, picture, tmp_path):
    done = command("--web", "photo.png", "--force")
    assert (done.returncode, done.stderr) == (1, "error: photo.png: is a file; name a folder with --web\n")
    assert names(tmp_path) == ["photo.png"]


@pytest.mark.parametrize(
    ("option", "arguments"), [("--web", ()), ("-o", ("photo.png",)), ("--train-codebook", ("photo.png", "--block", 2))]
)
def test_what_cannot_be_written_names_the_option_of_its_place(option, arguments, command, picture):
    done = command(*arguments, option, "photo.png/a.vqi")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.endswith(f"choose another path with {option}\n")


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


@pytest.mark.parametrize("existing", ["b.vqi", "b.vqi-report.html"])
@pytest.mark.parametrize("image", ["photo.png", "-"])
def test_a_result_and_its_report_are_written_both_or_neither(image, existing, command, picture, tmp_path):
    (tmp_path / existing).write_text("precious")
    arguments = (image, "-o", "b.vqi", "--report")
    done = command(*arguments, stdin=picture.read_bytes())
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert f"{existing}: already exists" in done.stderr
    assert names(tmp_path) == sorted([existing, "photo.png"])
    assert (tmp_path / existing).read_text() == "precious"
    assert command(*arguments, "--force", stdin=picture.read_bytes()).returncode == 0
    assert names(tmp_path) == ["b.vqi", "b.vqi-report.html", "photo.png"]
    assert (tmp_path / existing).read_bytes() != b"precious"


def test_a_result_that_another_process_holds_for_a_moment_is_replaced_after_it(command, picture, tmp_path, monkeypatch):
    """As Windows refuses it."""
    (tmp_path / "photo.vqi").write_text("old")
    tries = []

    def replace(partial, target):
        tries.append(target)
        if len(tries) <= 3:
            error = PermissionError(13, "The process cannot access the file")
            error.winerror = 32
            raise error
        return partial.rename(target)

    monkeypatch.setattr("pathlib.Path.replace", replace)
    assert command("photo.png", "--force").returncode == 0
    assert len(tries) == 4
    assert (tmp_path / "photo.vqi").read_bytes().startswith(b"\x89VQI")
    assert names(tmp_path) == ["photo.png", "photo.vqi"]


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


@pytest.mark.parametrize(("output", "image"), [([], "photo.png"), (["-o", "-"], "photo.png"), ([], "-")])
def test_a_target_out_of_reach_names_the_nearest(output, image, command, picture, tmp_path):
    done = command(image, "--max-bytes", 20, *output, stdin=picture.read_bytes())
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {'standard input' if image == '-' else image}: 20 bytes cannot be reached")
    assert "minimum is" in done.stderr
    assert names(tmp_path) == ["photo.png"]


@pytest.mark.parametrize("options", [["--max-bytes", 9000], ["--bpp", 1], ["--max-bytes", 9000, "--block", 1]])
def test_metadata_that_put_a_size_out_of_reach_are_told(options, command, tmp_path):
    xmp = np.random.default_rng(0).bytes(20_000)
    Image.fromarray(photo(60, 80)).save(tmp_path / "a.webp", xmp=xmp)
    assert command("a.webp", *options).stderr.endswith("including metadata; leave these out with --strip\n")
    # Neither where they are left out already, nor where that would not be enough.
    assert "metadata" not in command("a.webp", "--bpp", 0.001, "--strip").stderr
    assert "metadata" not in command("a.webp", "--bpp", 0.001).stderr


def test_the_exits_of_pngquant(command, picture, tmp_path):
    assert command("photo.png", "--block", 1, "--codewords", 2, "--min-quality", 80).returncode == 99
    small = tmp_path / "small.png"
    Image.fromarray(photo(2, 2)).save(small)
    for image in ("small.png", "-"):
        done = command(image, "-o", "a.vqi", "--skip-if-larger", stdin=small.read_bytes())
        assert done.returncode == 98
    assert names(tmp_path) == ["photo.png", "small.png"]


@pytest.mark.slow
def test_standard_input_and_output(picture):
    program = str(SCRIPTS / "quantize")
    encoded = subprocess.run([program, "-"], input=picture.read_bytes(), capture_output=True, check=True)
    assert b"bits per pixel" in encoded.stderr
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


def test_the_weights_of_levels_are_shown(command, picture):
    assert command("photo.png", "-o", "a.vqi").returncode == 0
    told = command("--info", "a.vqi").stdout
    assert "luma weights      1.72, 1.03" in told
    assert "adaptive          yes" in told
    found = json.loads(command("--info", "a.vqi", "--json").stdout)
    assert len(found["luma_weights"]) == len(found["chroma_weights"]) == found["levels"]
    assert command("photo.png", "-o", "b.vqi", "--tune", "psnr").returncode == 0
    assert set(json.loads(command("--info", "b.vqi", "--json").stdout)["luma_weights"]) == {1.0}


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


def test_training_holds_one_image_at_a_time(command, picture, tmp_path, monkeypatch):
    read: list[weakref.ref[Picture]] = []

    def watched(*arguments):
        assert sum(image() is not None for image in read) <= 1
        image = read_image(*arguments)
        read.append(weakref.ref(image))
        return image

    monkeypatch.setattr("quantize.commands.train.read_image", watched)
    for number in range(3):
        shutil.copy(picture, tmp_path / f"{number}.png")
    assert "trained on 4 images" in command(".", "--train-codebook", "book.vqc").stdout
    assert len(read) == 4


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
def test_errors_take_one_line_and_say_what_to_do(arguments, command, picture, tmp_path):
    if arguments == ["."]:
        picture.rename(tmp_path / "photo.txt")
    done = command(*arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1
    assert "; " in done.stderr


@pytest.mark.parametrize("output", [["-o", "b.vqi"], []])
def test_a_vqi_file_is_not_encoded_again(output, command, picture):
    command("photo.png", "-o", "a.vqi")
    assert command("a.vqi", *output).stderr == "error: a.vqi: is a .vqi file; decode it with --decode\n"


def test_a_result_that_is_larger_is_reported(command, tmp_path):
    Image.fromarray(photo(40, 40)).save(tmp_path / "a.jpg", quality=20)
    done = command("a.jpg", "--block", 1)
    assert done.returncode == 0
    assert "is larger than the original" in done.stderr


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
