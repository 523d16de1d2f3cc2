"""Files decode to what the encoder reported, byte for byte, whatever the image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import quantize
from quantize.datatypes import Picture, Settings
from quantize.pipeline import decode_picture, encode_picture, train_codebook
from tests.test_quantize.conftest import photo

SIZES = [(1, 1), (1, 37), (37, 1), (2, 2), (3, 5), (9, 8), (33, 47), (64, 64)]


def round_trip(pixels, **options):
    picture = Picture(pixels)
    encoded = encode_picture(picture, Settings.of(**options), ".vqi")
    decoded = decode_picture(encoded.data)
    assert decoded.pixels.dtype == np.uint8
    assert decoded.pixels.shape == pixels.shape
    assert (decoded.pixels == encoded.pixels).all()
    return encoded


@pytest.mark.parametrize("subsampling", ["420", "444"])
@pytest.mark.parametrize("block", [2, 4, 8])
@pytest.mark.parametrize("size", SIZES)
def test_blocks_of_any_size(size, block, subsampling):
    round_trip(photo(*size), block=block, subsampling=subsampling, quality=70)


@pytest.mark.parametrize("block", [1, 2])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels(channels, block):
    pixels = photo(40, 50)
    alpha = (np.indices((40, 50)).sum(0) * 3).clip(0, 255).astype(np.uint8)[..., None]
    chosen = pixels[..., :1] if channels < 3 else pixels
    if channels in (2, 4):
        chosen = np.concatenate([chosen, alpha], 2)
    encoded = round_trip(chosen, block=block)
    if channels in (2, 4) and block == 2:
        assert (encoded.pixels[..., -1] == chosen[..., -1]).all()


@settings(max_examples=25, deadline=None)
@given(
    pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 4))),
    block=st.sampled_from([1, 2, 4, 8]),
    quality=st.integers(1, 100),
    subsampling=st.sampled_from(["420", "444"]),
)
def test_any_image(pixels, block, quality, subsampling):
    round_trip(pixels, block=block, quality=quality, subsampling=subsampling)


@settings(max_examples=15, deadline=None)
@given(pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 14), st.integers(1, 14), st.integers(1, 4))))
def test_few_colors_are_kept_without_loss(pixels):
    decoded = quantize.decode(quantize.encode(pixels)).reshape(pixels.shape)
    if pixels.shape[2] in (2, 4):
        # Colours that nobody sees may change.
        seen = pixels[..., -1:] > 0
        assert (decoded[..., -1] == pixels[..., -1]).all()
        assert ((decoded == pixels) | ~seen).all()
    else:
        assert (decoded == pixels).all()


def icon():
    """A button of 32 x 32 pixels: smooth at its edge, clear outside, with a letter on a slope of colours."""
    y, x = np.mgrid[:32, :32] - 15.5
    alpha = np.clip((15 - np.hypot(y, x)) * 255, 0, 255)
    letter = (np.abs(x) < 2) | ((np.abs(y + 8) < 2) & (np.abs(x) < 8))
    colors = np.where(letter[..., None], 255, np.stack([60 + 2 * y, 90 + y, 200 - y], 2))
    return np.dstack([colors, alpha]).astype(np.uint8)


def automatic(pixels, **options):
    return encode_picture(Picture(np.ascontiguousarray(pixels)), Settings(**options), "auto")


def test_an_icon_is_kept_without_loss_unless_a_quality_is_given():
    exact = automatic(icon())
    assert (exact.profile, exact.psnr) == ("palette", float("inf"))
    lossy = automatic(icon(), quality=60)
    assert lossy.profile == "multiresolution"
    assert len(lossy.data) < len(exact.data)


@pytest.mark.parametrize("shape", [(64, 1500), (1500, 64)])
def test_a_strip_is_no_icon(shape):
    pixels = photo(*shape)[..., :1]
    assert automatic(pixels).profile == "multiresolution"
    assert 3 * len(automatic(pixels).data) < len(automatic(pixels, profile="palette").data)


def test_a_solid_image_is_tiny():
    encoded = round_trip(np.full((300, 200, 3), (200, 30, 90), np.uint8), block=2)
    assert len(encoded.data) < 300
    assert np.abs(encoded.pixels.astype(int) - (200, 30, 90)).max() <= 3


def test_more_quality_takes_more_bytes():
    results = [round_trip(photo(96, 128), block=2, quality=quality) for quality in (20, 50, 80, 95)]
    assert sorted(len(found.data) for found in results) == [len(found.data) for found in results]
    assert sorted(found.psnr for found in results) == [found.psnr for found in results]


def test_the_best_quality_is_nearly_without_loss():
    assert round_trip(photo(64, 64), block=2, subsampling="444", quality=100).psnr > 40


def test_blocks_beat_a_palette_of_the_same_size():
    pixels = photo(96, 128)
    palette = round_trip(pixels, block=1, codewords=16)
    blocks = round_trip(pixels, block=2, max_bytes=len(palette.data))
    assert blocks.psnr > palette.psnr + 1


def test_the_same_bytes_each_time():
    pixels = photo(80, 90)
    assert quantize.encode(pixels, block=2) == quantize.encode(pixels, block=2)
    assert quantize.encode(pixels, block=2, seed=1) != quantize.encode(pixels, block=2)


@pytest.mark.parametrize("algorithm", ["kmeans", "centnn"])
def test_either_algorithm_trains_codebooks(algorithm):
    assert round_trip(photo(96, 96), block=2, algorithm=algorithm).psnr > 30


@pytest.mark.parametrize("psnr", [28, 31.5, 38, 50])
def test_blocks_reach_a_psnr_and_hardly_pass_it(psnr):
    assert psnr <= round_trip(photo(128, 128), profile="block", psnr=psnr).psnr <= psnr + 0.1


@pytest.mark.parametrize("bpp", [0.5, 1.5, 3])
def test_blocks_keep_a_rate(bpp):
    assert round_trip(photo(128, 128), profile="block", bpp=bpp).bits_per_pixel == pytest.approx(bpp, rel=0.02)


@pytest.mark.parametrize("max_bytes", [600, 2000, 6000])
def test_blocks_never_exceed_a_size_and_use_it_up(max_bytes):
    size = len(round_trip(photo(128, 128), profile="block", max_bytes=max_bytes).data)
    assert 0.95 * max_bytes <= size <= max_bytes


@pytest.mark.parametrize("profile", ["auto", "block", "multiresolution"])
@pytest.mark.parametrize("decibels", [20, 35, 45])
def test_simple_images_reach_any_psnr(profile, decibels):
    ramp = np.repeat(np.arange(64, dtype=np.uint8)[None, :, None] * 4, 64, axis=0)
    flat = np.full((64, 64, 3), 200, np.uint8)
    noisy = flat + np.random.default_rng(0).integers(0, 2, flat.shape).astype(np.uint8)
    for pixels in (np.zeros((64, 64, 1), np.uint8), flat, noisy, ramp):
        assert round_trip(pixels, psnr=decibels, profile=profile).psnr >= decibels


@pytest.mark.parametrize("profile", ["auto", "block", "multiresolution", "palette"])
@pytest.mark.parametrize("bpp", [0.5, 3, 60])
def test_simple_images_use_no_more_than_any_rate(profile, bpp):
    flat = np.full((64, 64, 3), 200, np.uint8)
    nearly = flat.copy()
    nearly[3, 4] += 1
    for pixels in (np.zeros((64, 64, 1), np.uint8), flat, nearly):
        encoded = round_trip(pixels, bpp=bpp, profile=profile)
        assert encoded.bits_per_pixel <= bpp * 1.02
        assert encoded.psnr > 45


def test_a_rate_beyond_the_finest_result_gives_that():
    pixels = photo(64, 64)
    finest = round_trip(pixels, profile="block", bpp=60)
    assert finest.psnr > 50
    assert len(round_trip(pixels, profile="block", bpp=30).data) == len(finest.data)


def test_drawings_with_a_target_are_palettes_where_these_serve_it_better():
    pixels = np.repeat(np.repeat(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8), 16, 0), 16, 1)
    exact = round_trip(pixels, block=1)
    small = round_trip(pixels, psnr=40)
    assert len(small.data) <= len(exact.data)
    assert len(small.data) <= len(round_trip(pixels, psnr=40, profile="multiresolution").data)
    limit = len(exact.data) - 20
    best = round_trip(pixels, max_bytes=limit)
    assert len(best.data) <= limit
    assert best.psnr >= round_trip(pixels, block=1, max_bytes=limit).psnr
    assert best.psnr >= round_trip(pixels, profile="multiresolution", max_bytes=limit).psnr


@pytest.mark.parametrize(
    "options",
    [
        {"block": 2, "psnr": 80},
        {"block": 2, "max_bytes": 100},
        {"profile": "block", "bpp": 0.0005},
        {"block": 1, "psnr": 60},
    ],
)
def test_what_is_out_of_reach_is_told_with_the_nearest(options):
    with pytest.raises(quantize.TargetError, match=r"nearest|minimum|best"):
        quantize.encode(photo(96, 96), **options)


def test_a_least_quality_is_kept():
    with pytest.raises(quantize.QualityRefusal, match=r"PSNR would be .* of quality 90"):
        quantize.encode(photo(64, 64), block=1, codewords=2, min_quality=90)


def test_a_shared_codebook_saves_its_own_bytes_and_is_needed_again():
    pictures = [Picture(photo(96, 96, seed)) for seed in range(3)]
    book = train_codebook(pictures, Settings.of(block=2))
    data = quantize.encode(photo(64, 64, 9), codebook=book, psnr=31)
    assert len(data) < len(quantize.encode(photo(64, 64, 9), block=2, psnr=31))
    assert quantize.decode(data, codebook=book).shape == (64, 64, 3)
    with pytest.raises(quantize.CodebookError, match="--codebook"):
        quantize.decode(data)
    with pytest.raises(quantize.CodebookError, match="--codebook"):
        quantize.decode(data, codebook=train_codebook(pictures[:1], Settings.of(block=2)))
    with pytest.raises(quantize.CodebookError, match="--block"):
        quantize.encode(photo(64, 64), codebook=book, block=4)


@pytest.mark.parametrize("book", [b"", b"no codebook", "missing.vqc"])
def test_what_is_no_codebook_is_an_error(book):
    with pytest.raises(quantize.CodebookError, match=r"codebook: |missing\.vqc: "):
        quantize.encode(photo(16, 16), codebook=book)


def test_a_path_is_no_file_to_decode():
    with pytest.raises(quantize.SettingsError, match=r"data must be the bytes of a \.vqi file, not of type str"):
        quantize.decode("photo.vqi")


@pytest.mark.parametrize(
    "image",
    [np.zeros((4, 4), np.float32), np.zeros((4, 4, 5), np.uint8), np.zeros((0, 4, 3), np.uint8), np.zeros(4, np.uint8)],
)
def test_what_is_no_image_is_an_error(image):
    with pytest.raises(quantize.SettingsError):
        quantize.encode(image)


@pytest.mark.parametrize(
    "options",
    [
        {"quality": 0},
        {"quality": "high"},
        {"bpp": "0.5"},
        {"seed": [1]},
        {"seed": None},
        *({name: 3.5} for name in ("seed", "codewords", "quality", "min_quality", "max_bytes")),
        {"block": 8.0},
        {"skip_if_larger": True},
        {"quality": 50, "psnr": 30},
        {"block": 3},
        {"block": 1, "profile": "block"},
        {"codewords": 1},
        {"block": 1, "codewords": 257},
        {"dither": True, "block": 2},
        {"no_such_setting": 1},
    ],
)
def test_wrong_settings_are_errors(options):
    with pytest.raises(quantize.SettingsError):
        quantize.encode(np.zeros((4, 4, 3), np.uint8), **options)


def test_whole_numbers_of_numpy_are_settings():
    options = {"block": 2, "codewords": 40, "quality": 50, "seed": 3}
    pixels = photo(40, 40)
    assert quantize.encode(pixels, **{name: np.int16(n) for name, n in options.items()}) == quantize.encode(
        pixels, **options
    )


@pytest.mark.parametrize(
    ("level", "error"),
    [(9, quantize.ContainerError), (-1, quantize.ContainerError), (0.5, quantize.SettingsError)],
)
@pytest.mark.parametrize("profile", ["block", "multiresolution"])
def test_a_level_that_is_not_there_is_an_error(profile, level, error):
    data = quantize.encode(photo(40, 40), profile=profile)
    with pytest.raises(error, match="level"):
        quantize.decode(data, level=level)
