"""The multi-resolution profile: what its files do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

import quantize
from quantize.container import pack, unpack
from quantize.datatypes import MOST_PIXELS, Picture, Settings
from quantize.metrics import psnr, ssim
from quantize.multiresolution.editions import NEWEST
from quantize.multiresolution.layout import PLAIN_WEIGHT, Layout
from quantize.multiresolution.parameters import unpack_parameters
from quantize.multiresolution.profile import serves
from quantize.pipeline import decode_picture, encode_picture
from tests.conftest import compiled_only
from tests.test_quantize.conftest import photo
from tests.test_quantize.test_golden import GOLDEN


def round_trip(pixels, **options):
    encoded = encode_picture(Picture(pixels), Settings.of(profile="multiresolution", **options), ".vqi")
    decoded = decode_picture(encoded.data).pixels
    assert encoded.profile == "multiresolution"
    assert decoded.shape == pixels.shape
    assert (decoded == encoded.pixels).all()
    return encoded


@pytest.mark.parametrize("tune", ["visual", "ssim", "psnr"])
@pytest.mark.parametrize("size", [(1, 1), (1, 37), (37, 1), (3, 5), (9, 8), (33, 47), (65, 130)])
def test_images_of_any_size(size, tune):
    round_trip(photo(*size), quality=70, tune=tune)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_any_number_of_channels(channels):
    pixels = photo(40, 50)
    alpha = (np.indices((40, 50)).sum(0) * 3).clip(0, 255).astype(np.uint8)[..., None]
    chosen = pixels[..., :1] if channels < 3 else pixels
    if channels in (2, 4):
        chosen = np.concatenate([chosen, alpha], 2)
    encoded = round_trip(chosen)
    if channels in (2, 4):
        assert (encoded.pixels[..., -1] == chosen[..., -1]).all()
    assert encoded.psnr > 28


@settings(max_examples=15, deadline=None)
@given(
    pixels=hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.integers(1, 4))),
    quality=st.integers(1, 100),
    tune=st.sampled_from(["visual", "ssim", "psnr"]),
)
def test_any_image(pixels, quality, tune):
    round_trip(pixels, quality=quality, tune=tune)


def test_extreme_pictures_stay_near():
    board = (np.indices((96, 96)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, 2)
    assert round_trip(board, quality=90).psnr > 30
    noise = np.random.default_rng(0).integers(0, 2, (96, 96, 3), np.uint8) * 255
    assert round_trip(noise, quality=90).psnr > 30


@compiled_only
def test_threads_change_no_bit(monkeypatch):
    pixels = photo(640, 704)
    assert Layout(*pixels.shape).n_stripes == 2
    data = quantize.encode(pixels, profile="multiresolution")
    decoded = quantize.decode(data)
    monkeypatch.setattr("quantize.thread_pool.MOST_PARTS", 1)
    assert quantize.encode(pixels, profile="multiresolution") == data
    assert (quantize.decode(data) == decoded).all()


def test_large_planes_are_put_together_one_by_one(monkeypatch):
    pixels = photo(90, 130)
    data = quantize.encode(pixels, profile="multiresolution")
    decoded = quantize.decode(data)
    monkeypatch.setattr("quantize.multiresolution.transform.MOST_AT_ONCE", 100)
    assert quantize.encode(pixels, profile="multiresolution") == data
    assert (quantize.decode(data) == decoded).all()


@compiled_only
def test_a_wide_image_of_several_stripes():
    pixels = photo(100, 4000)
    assert Layout(*pixels.shape).n_stripes == 2
    round_trip(pixels, tune="ssim")


@pytest.mark.parametrize("level", [1, 2, 3])
def test_levels_are_smaller_pictures(level):
    pixels = photo(136, 200)
    data = quantize.encode(pixels, profile="multiresolution", quality=90)
    small = quantize.decode(data, level=level)
    assert small.shape == (-(-136 >> level), 200 >> level, 3)
    side = 1 << level
    means = pixels.reshape(136 // side, side, 200 // side, side, 3).mean(axis=(1, 3))
    assert psnr(np.rint(means).astype(np.uint8), small) > 27


def test_a_cut_file_shows_its_coarse_levels():
    pixels = photo(136, 200)
    data = quantize.encode(pixels, profile="multiresolution", quality=90)
    cut = data[: len(data) // 3]
    assert (quantize.decode(cut, level=2) == quantize.decode(data, level=2)).all()
    with pytest.raises(quantize.ContainerError, match=r"--level [12]"):
        quantize.decode(cut[: len(cut) // 2], level=1)
    with pytest.raises(quantize.ContainerError, match="cut off"):
        quantize.decode(cut)
    shown = []
    for length in range(0, len(cut), 97):
        try:
            found = quantize.decode(data[:length], level=3)
        except quantize.ContainerError:
            shown.append(False)
            continue
        shown.append(True)
        assert (found == quantize.decode(data, level=3)).all()
    # Up to some length it is refused, from there on it is shown.
    assert shown == sorted(shown)
    assert set(shown) == {False, True}


def test_levels_out_of_range_are_errors():
    data = quantize.encode(photo(40, 40), profile="multiresolution")
    with pytest.raises(quantize.ContainerError, match=r"has no level .*; give --level 0 to 2"):
        quantize.decode(data, level=5)
    with pytest.raises(quantize.ContainerError, match="no levels"):
        quantize.decode(quantize.encode(photo(40, 40), block=2), level=1)


def test_alpha_of_a_smaller_picture():
    alpha = np.zeros((40, 40, 1), np.uint8)
    alpha[:20] = 255
    data = quantize.encode(np.concatenate([photo(40, 40), alpha], 2), profile="multiresolution")
    small = quantize.decode(data, level=2)
    assert (small[:5, :, 3] == 255).all()
    assert (small[5:, :, 3] == 0).all()


@pytest.mark.parametrize("wanted", [28, 36, 45])
def test_a_psnr_is_reached_and_hardly_passed(wanted):
    assert wanted <= round_trip(photo(128, 128), psnr=wanted).psnr <= wanted + 0.1


@pytest.mark.parametrize("bpp", [0.4, 2])
@pytest.mark.parametrize("tune", ["visual", "ssim", "psnr"])
def test_a_rate_is_kept(bpp, tune):
    assert round_trip(photo(128, 128), bpp=bpp, tune=tune).bits_per_pixel == pytest.approx(bpp, rel=0.02)


@pytest.mark.parametrize("max_bytes", [600, 5000])
def test_a_size_is_never_exceeded_and_used_up(max_bytes):
    assert 0.95 * max_bytes <= len(round_trip(photo(128, 128), max_bytes=max_bytes).data) <= max_bytes


@pytest.mark.parametrize("options", [{"psnr": 90}, {"max_bytes": 60}, {"bpp": 0.0005}])
def test_what_is_out_of_reach_is_told(options):
    with pytest.raises(quantize.TargetError, match=r"nearest|minimum|best"):
        quantize.encode(photo(96, 96), profile="multiresolution", **options)


@pytest.mark.parametrize(
    "options", [{"block": 2}, {"block": 1}, {"codewords": 64}, {"subsampling": "444"}, {"dither": True}]
)
def test_settings_of_other_profiles_are_errors(options):
    with pytest.raises(quantize.SettingsError):
        quantize.encode(photo(8, 8), profile="multiresolution", **options)
    with pytest.raises(quantize.SettingsError):
        quantize.encode(photo(8, 8), profile="block", tune="ssim")


def test_each_profile_takes_the_tuning_that_it_has():
    with pytest.raises(quantize.SettingsError, match="visual or ssim or psnr"):
        Settings(tune="ears")
    with pytest.raises(quantize.SettingsError, match="leave it out"):
        Settings(tune="visual", block=1)
    assert Settings(tune="psnr", block=2).wants_blocks


def test_photographs_are_tuned_for_the_eye_unless_a_psnr_is_asked_for():
    pixels = photo(64, 80)
    usual, for_psnr = (quantize.encode(pixels, profile="multiresolution", **o) for o in ({"quality": 50}, {"psnr": 30}))
    assert usual == quantize.encode(pixels, profile="multiresolution", quality=50, tune="visual")
    assert for_psnr == quantize.encode(pixels, profile="multiresolution", psnr=30, tune="psnr")
    assert parameters_of(usual).has_map
    assert not parameters_of(for_psnr).has_map
    assert (parameters_of(for_psnr).weights == PLAIN_WEIGHT).all()
    assert (parameters_of(usual).weights != PLAIN_WEIGHT).any()


def parameters_of(data):
    container = unpack(data, MOST_PIXELS)
    return unpack_parameters(container.one(b"BASE"), Layout(container.height, container.width, container.n_planes))[0]


def with_chunk(name, kind, change):
    """Bytes of a golden file of which one chunk is changed."""
    container = unpack((GOLDEN / f"{name}.vqi").read_bytes(), MOST_PIXELS)
    pixels = np.zeros((container.height, container.width, container.channels), np.uint8)
    chunks = [(found, change(data) if found == kind else data) for found, data in container.chunks]
    return pack("multiresolution", pixels, chunks, {})


@pytest.mark.parametrize("weights", [bytes(9), b"@" * 6, b"@" * 8, b"@" * 10, b""])
def test_weights_that_do_not_fit_are_damage(weights):
    data = with_chunk("levels-2-visual-rgb", b"LEVL", lambda _: weights)
    with pytest.raises(quantize.ContainerError, match="weights of levels"):
        quantize.decode(data)


@pytest.mark.parametrize(("name", "kind"), [("levels-2-visual-rgb", b"MRES"), ("levels-3-visual-rgb", b"BASE")])
def test_an_unknown_edition_is_told(name, kind):
    data = with_chunk(name, kind, lambda data: bytes([NEWEST + 1]) + data[1:])
    with pytest.raises(quantize.ContainerError, match=f"codebooks number {NEWEST + 1}"):
        quantize.decode(data)


@pytest.mark.parametrize(
    ("start", "told"),
    [
        (b"", "no parameters"),
        (b"\3", "does not end"),
        (b"\3\x40\x40", "wrong length"),
        (b"\3\1\x40\2", "step out of range"),
        (b"\3\xff\xff\xff\xff\xff\xff\xff", "does not end"),
        (b"\3\x40\x40\3", "colours of an unknown kind"),
        (b"\3\x40\x40\0" + bytes(17), "wrong length"),
        (b"\3\x40\x40\x0a\x40\x40\0", "weights"),
        (b"\3\x40\x40\x0a\x40\x40", "weights"),
        (b"\3\x40\x40\x3a" + b"\x40" * 21, "weights"),
    ],
)
def test_damaged_parameters_are_told(start, told):
    data = with_chunk("levels-3-visual-rgb", b"BASE", lambda _: start)
    with pytest.raises(quantize.ContainerError, match=told):
        quantize.decode(data)


def test_parameters_of_two_versions_are_damage():
    files = [(GOLDEN / f"levels-{version}-visual-rgb.vqi").read_bytes() for version in (2, 3)]
    mixed = [chunk for data in files for chunk in unpack(data, MOST_PIXELS).chunks]
    with pytest.raises(quantize.ContainerError, match="parameters of two versions"):
        quantize.decode(pack("multiresolution", np.zeros((75, 101, 3), np.uint8), mixed, {}))


def test_a_file_that_ends_before_its_coarsest_picture_is_told():
    data = (GOLDEN / "levels-3-visual-rgb.vqi").read_bytes()
    with pytest.raises(quantize.ContainerError, match="before its coarsest picture"):
        quantize.decode(data[:100], level=4)


def test_a_strip_takes_another_profile():
    strip = np.zeros((2, 1 << 19, 3), np.uint8)
    assert not serves(*strip.shape[:2])
    with pytest.raises(quantize.TargetError, match="--profile block"):
        quantize.encode(strip, profile="multiresolution")


def test_tuning_for_similarity_serves_padding_of_whole_cells():
    pixels = photo(257, 260)
    decoded = quantize.decode(quantize.encode(pixels, profile="multiresolution", tune="ssim", quality=90))
    assert decoded.shape == pixels.shape
    assert psnr(pixels, decoded) > 30


def test_tuning_for_similarity_makes_it_larger():
    pixels = photo(256, 256)
    data = quantize.encode(pixels, profile="multiresolution", bpp=0.8, tune="psnr")
    tuned = quantize.encode(pixels, profile="multiresolution", bpp=0.8, tune="ssim")
    assert ssim(pixels, quantize.decode(tuned)) > ssim(pixels, quantize.decode(data))
    assert psnr(pixels, quantize.decode(tuned)) < psnr(pixels, quantize.decode(data))


def drawing(height=240, width=320):
    """Lines, boxes and a ramp, as a plot has them."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    pixels[20:-20, 30] = pixels[-20, 30:-20] = 0
    for x in range(60, width - 40, 40):
        pixels[height - 20 - x // 2 : height - 20, x : x + 25] = (31, 119, 180)
    x = np.arange(40, width - 30)
    pixels[(120 + 60 * np.sin(x / 20)).astype(int), x] = (214, 39, 40)
    pixels[30:60, 40:296] = np.arange(256, dtype=np.uint8)[None, :, None]
    return pixels


@pytest.mark.parametrize("kind", ["drawing", "text", "colorful", "gray photo"])
def test_no_larger_than_the_better_profile(kind):
    pixels = {
        "drawing": drawing(),
        "text": np.where(np.random.default_rng(0).random((200, 240, 1)) < 0.1, 0, 255).repeat(3, 2).astype(np.uint8),
        "colorful": np.concatenate([drawing(), photo(240, 40)], 1),
        "gray photo": photo(150, 150)[..., :1],
    }[kind]
    sizes = [
        len(encode_picture(Picture(pixels), Settings(profile=profile), ".vqi").data)
        for profile in ("palette", "multiresolution", "auto")
    ]
    assert sizes[2] == min(sizes[:2])


@compiled_only
def test_far_below_jpeg(shared_data, tmp_path):
    image = Image.open(shared_data / "kodak" / "kodim23.png").convert("RGB")
    pixels = np.asarray(image)
    path = tmp_path / "a.jpg"
    image.save(path, quality=60, optimize=True)
    reached = psnr(pixels, np.asarray(Image.open(path)))
    encoded = round_trip(pixels, psnr=float(reached))
    assert len(encoded.data) < 0.55 * path.stat().st_size
