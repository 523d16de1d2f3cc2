"""Options that do not go together, or have no effect: they are refused or reported, never ignored."""

import pytest

from tests.test_quantize.conftest import names


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
        ["photo.png", "-o", "./-", "--json"],
        ["--decode", "a.vqi", "--quality", "3"],
        ["--info", "a.vqi", "--dither-level", "0.5"],
        ["--decode", "a.vqi", "--skip-if-larger"],
        ["photo.png", "--train-codebook", "a.vqc", "--skip-if-larger"],
        ["photo.png", "--train-codebook", "a.vqc", "--max-bytes", "500"],
        ["photo.png", "--train-codebook", "a.vqc", "--block", "1"],
        ["photo.png", "--train-codebook", "a.vqc", "--profile", "multiresolution"],
        ["photo.png", "--train-codebook", "a.vqc", "-o", "a.vqi"],
        ["-", "--train-codebook", "a.vqc"],
        ["--info", "a.vqi", "-o", "a.txt"],
        ["--web", "site", "--codebook", "a.vqc"],
        ["-", "--json"],
        ["--decode", "-", "--json"],
        ["photo.png", "--codewords", "257", "-o", "a.png"],
        ["photo.png", "--suffix", "-x", "-o", "a.vqi"],
        ["--decode", "a.vqi", "--suffix", "-x", "-o", "a.png"],
        ["-", "--suffix", "-x"],
        ["-", "-o", "folder/"],
    ],
)
def test_wrong_usage(arguments, command, picture, tmp_path):
    done = command(*arguments, stdin=picture.read_bytes())
    assert done.returncode == 2, done.stderr
    assert names(tmp_path) == ["photo.png"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--bpp", 0], "--bpp 0.0 must be"),
        (["--max-bytes", 1 << 41], f"--max-bytes {1 << 41} must be 1 to 2**40 bytes"),
        (["--codewords", 20, "--profile", "multiresolution"], "--codewords cannot be combined"),
        (["--block", 2, "--profile", "palette"], "--block 2 cannot be combined"),
        (["--block", 2, "--dither"], "--dither is for palettes"),
        (["--train-codebook", "a.vqc", "--no-dither"], "--no-dither cannot be combined with --train-codebook"),
        (["--max-bytes", 20], "20 bytes cannot be reached"),
        (["--psnr", 90], "a PSNR of 90 dB cannot be reached"),
        (["--block", 1, "--bpp", 0.01], "0.01 bits per pixel cannot be reached"),
    ],
)
def test_errors_name_options_and_not_settings(options, told, command, picture):
    assert told in " ".join(command("photo.png", *options).stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("options", "told", "serving"),
    [
        (["--algorithm", "centnn"], "without centnn", ["block"]),
        (["--seed", 1], "without the seed", ["block", "palette"]),
        (["--subsampling", "444"], "without --subsampling", ["block"]),
        (["--tune", "psnr"], "not tuned for psnr", ["multiresolution"]),
    ],
)
def test_an_option_that_changes_nothing_is_reported(options, told, serving, command, picture):
    for profile in ("palette", "block", "multiresolution"):
        if profile == "multiresolution" and "--subsampling" in options:
            continue
        done = command("photo.png", "--profile", profile, "--force", *options)
        assert done.returncode == 0
        assert (told in done.stderr) == (profile not in serving)


def test_options_of_training_are_reported_where_a_codebook_is_given(command, picture):
    assert command("photo.png", "--train-codebook", "a.vqc").returncode == 0
    for name, value in (("--codewords", 16), ("--algorithm", "centnn"), ("--seed", 1)):
        done = command("photo.png", "--codebook", "a.vqc", "-o", "a.vqi", "--force", name, value)
        assert done.returncode == 0
        assert f"without {name}, because the codebook is trained already" in done.stderr
