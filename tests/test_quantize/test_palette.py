"""Palettes: exact where they can be, near the best where not."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantize.metrics import psnr, ssim
from quantize.palette.colors import Palette, as_rgba, choose_palette, find_colors, map_pixels
from quantize.palette.dithering import dither
from tests.test_quantize.conftest import photo

images = hnp.arrays(np.uint8, st.tuples(st.integers(1, 12), st.integers(1, 12), st.integers(1, 4)))


@settings(max_examples=40, deadline=None)
@given(pixels=images)
def test_distinct_colors_are_those_of_numpy(pixels):
    rgba = as_rgba(pixels)
    rgba[rgba[..., 3] == 0] = 0
    colors = find_colors(as_rgba(pixels))
    expected, counts = np.unique(rgba.reshape(-1, 4), axis=0, return_counts=True)
    order = np.lexsort(colors.rgba.T[::-1])
    assert (colors.rgba[order] == expected).all()
    assert (colors.counts[order] == counts).all()
    assert (colors.rgba[colors.numbers] == rgba).all()


# Few values, so that colours and alphas meet again: mostly clear and opaque ones.
translucent_images = hnp.arrays(
    np.uint8,
    st.tuples(st.integers(1, 12), st.integers(1, 12), st.just(4)),
    elements=st.one_of(st.sampled_from([0, 1, 2, 127, 254, 255]), st.integers(0, 255)),
)


def as_seen(rgba):
    found = rgba.astype(np.float64)
    found[..., :3] *= found[..., 3:] / 255
    return found


# An opaque colour that is nearer to the one that is almost clear than to the other opaque one.
ALMOST_CLEAR = np.full((3, 3, 4), 255, np.uint8)
ALMOST_CLEAR[0, 0, 3], ALMOST_CLEAR[2, 2, :2] = 7, 0


@settings(max_examples=150, deadline=None)
@example(pixels=ALMOST_CLEAR, n_entries=2, level=0)
@given(pixels=translucent_images, n_entries=st.integers(2, 40), level=st.sampled_from([0, 0.3, 1]))
def test_clear_stays_clear_and_opaque_stays_opaque(pixels, n_entries, level):
    colors = find_colors(pixels)
    palette = choose_palette(colors, n_entries)
    found = palette.rgba[dither(colors, palette, level)] if level else palette.rgba[map_pixels(colors, palette)]
    assert (found[pixels[..., 3] == 0] == 0).all()
    assert (found[pixels[..., 3] == 255][:, 3] == 255).all()
    # What is clear takes one entry, whatever colours lie below.
    assert (palette.rgba[:, 3] == 0).sum() == (pixels[..., 3] == 0).any()


@settings(max_examples=80, deadline=None)
@given(pixels=translucent_images, n_entries=st.integers(2, 40))
def test_as_many_entries_as_asked_for_or_nothing_is_lost(pixels, n_entries):
    colors = find_colors(pixels)
    palette = choose_palette(colors, n_entries)
    assert len(palette.rgba) <= n_entries
    assert len(np.unique(palette.rgba, axis=0)) == len(palette.rgba)
    lost = np.abs(as_seen(colors.rgba) - as_seen(palette.rgba[palette.labels])).max()
    assert len(palette.rgba) == min(n_entries, len(colors.rgba)) or lost == 0


def test_a_dark_slope_uses_all_entries():
    """The colours of a dark slope differ by single levels: no coarse grid may tell them apart worse than that."""
    y, x = np.mgrid[:80, :200]
    pixels = np.stack([12 + x * 30 / 200, 14 + y * 40 / 80, 20 + (x + y) * 25 / 280], 2).astype(np.uint8)
    colors = find_colors(as_rgba(pixels))
    assert len(colors.rgba) > 256
    assert len(choose_palette(colors, 256).rgba) == 256


def test_a_soft_shadow_uses_all_entries():
    shade = np.clip(255 * np.exp(-((np.hypot(*np.mgrid[-60:60, -60:60]) / 50) ** 2)), 0, 255).astype(np.uint8)
    pixels = np.dstack([np.zeros((120, 120, 3), np.uint8), shade])
    palette = choose_palette(find_colors(pixels), 64)
    assert len(palette.rgba) == 64
    assert len(np.unique(palette.rgba[:, 3])) == 64


@settings(max_examples=60, deadline=None)
@given(pixels=images, n_entries=st.integers(2, 16))
def test_every_pixel_has_its_nearest_entry(pixels, n_entries):
    rgba = as_rgba(pixels)
    colors = find_colors(rgba)
    palette = choose_palette(colors, n_entries)
    distances = np.square(as_seen(rgba)[:, :, None] - as_seen(palette.rgba)).sum(-1)
    # An opaque pixel may have opaque entries alone, a clear one the clear entry.
    distances[(rgba[..., 3:] == 255) & (palette.rgba[:, 3] < 255)] = np.inf
    distances[(rgba[..., 3:] == 0) & (palette.rgba[:, 3] > 0)] = np.inf
    chosen = np.take_along_axis(distances, map_pixels(colors, palette)[..., None].astype(int), 2)[..., 0]
    assert np.allclose(chosen, distances.min(2), atol=1e-6)


def test_what_is_clear_takes_up_no_error():
    """A column that is clear parts two slopes: what one of them lacks must not reach the other."""
    slope = np.repeat(np.linspace(0, 255, 24).astype(np.uint8)[None, :, None], 24, 0)
    pixels = np.dstack([np.repeat(slope, 3, 2), np.full((24, 24), 255, np.uint8)])
    pixels[:, 11:13, 3] = 0
    changed = pixels.copy()
    changed[:, :11, :3] = 255 - changed[:, :11, :3]
    entries = np.array([[0, 0, 0, 0], [0, 0, 0, 255], [255, 255, 255, 255]], np.uint8)
    right = []
    for image in (pixels, changed):
        colors = find_colors(image)
        labels = np.where(colors.rgba[:, 3] == 0, 0, 1 + (colors.rgba[:, 0] > 127))
        right.append(dither(colors, Palette(entries, labels), 1)[:, 13:])
    assert len(np.unique(right[0])) == 2
    assert (right[0] == right[1]).all()


def test_a_lower_level_is_nearer_to_the_undithered_image():
    pixels = photo(64, 64)
    colors = find_colors(as_rgba(pixels))
    palette = choose_palette(colors, 12)
    results = [palette.rgba[dither(colors, palette, level)][..., :3] for level in (0.0, 0.4, 1.0)]
    assert (results[0] == palette.rgba[map_pixels(colors, palette)][..., :3]).all()
    quality = [psnr(pixels, found) for found in results]
    assert quality == sorted(quality, reverse=True)
    means = [np.abs(found.astype(int).mean((0, 1)) - pixels.mean((0, 1))).max() for found in results]
    assert means[2] <= means[0] + 0.3


def test_a_color_that_is_near_enough_is_not_dithered():
    """One level lies between the entries: nobody sees what dithering would add."""
    red = np.repeat(np.arange(100, 164, dtype=np.uint8)[None, :, None] // 2, 32, 0)
    pixels = np.concatenate([red, np.full((32, 64, 2), 40, np.uint8)], 2)
    colors = find_colors(as_rgba(pixels))
    palette = choose_palette(colors, 16)
    assert (dither(colors, palette, 1) == map_pixels(colors, palette)).all()


def test_entries_are_sorted_by_opacity_and_luminance():
    pixels = np.dstack([photo(40, 40), np.where(np.arange(1600).reshape(40, 40) % 7, 255, 60).astype(np.uint8)])
    palette = choose_palette(find_colors(pixels), 20).rgba.astype(int)
    opaque = palette[:, 3] == 255
    assert (np.diff(opaque.astype(int)) >= 0).all()
    luminance = palette[:, :3] @ [299, 587, 114]
    assert (np.diff(luminance[opaque]) >= 0).all()


@pytest.mark.parametrize("n_entries", [4, 16, 64])
def test_it_is_better_than_median_cut(n_entries):
    from PIL import Image

    pixels = photo(96, 128)
    colors = find_colors(as_rgba(pixels))
    palette = choose_palette(colors, n_entries)
    ours = palette.rgba[map_pixels(colors, palette)][..., :3]
    theirs = np.asarray(Image.fromarray(pixels).quantize(n_entries, method=0, dither=0).convert("RGB"))
    assert psnr(pixels, ours) > psnr(pixels, theirs) + 0.5


def test_dithering_keeps_the_mean_of_a_slope():
    pixels = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 64, 0)
    colors = find_colors(as_rgba(pixels))
    palette = choose_palette(colors, 4)
    plain, dithered = (
        palette.rgba[found][..., 0] for found in (map_pixels(colors, palette), dither(colors, palette, 1))
    )
    wanted = pixels[..., 0].reshape(64, 8, 8).mean((0, 2))
    inner = slice(1, 7)

    def error(found):
        return np.abs(found.reshape(64, 8, 8).mean((0, 2)) - wanted)[inner].max()

    assert error(dithered) < error(plain) / 3


def test_metrics_agree_with_their_definitions(rng):
    a, b = (rng.integers(0, 256, (24, 31, 3)).astype(np.uint8) for _ in range(2))
    assert psnr(a, b) == pytest.approx(10 * np.log10(255**2 / np.square(a.astype(float) - b).mean()))
    assert psnr(a, a) == float("inf")
    x, y = (image @ np.array([0.299, 0.587, 0.114]) for image in (a, b))
    windows = [np.lib.stride_tricks.sliding_window_view(plane, (8, 8))[::4, ::4] for plane in (x, y)]
    (ma, mb), (va, vb) = ([w.mean((-1, -2)) for w in windows], [w.var((-1, -2)) for w in windows])
    covariance = (windows[0] * windows[1]).mean((-1, -2)) - ma * mb
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * ma * mb + c1) * (2 * covariance + c2) / ((ma**2 + mb**2 + c1) * (va + vb + c2))
    assert ssim(a, b) == pytest.approx(expected.mean())
    assert ssim(a, a) == pytest.approx(1)


@pytest.mark.parametrize("n_channels", [2, 4])
def test_colors_that_nobody_sees_do_not_count(n_channels, rng):
    image = rng.integers(0, 256, (24, 31, n_channels), dtype=np.uint8)
    image[:, ::3, -1] = 0
    hidden, seen = image.copy(), image.copy()
    hidden[:, ::3, :-1] ^= 255
    seen[:, 1::3, :-1] ^= 255
    assert (psnr(image, hidden), ssim(image, hidden)) == (float("inf"), pytest.approx(1))
    assert psnr(image, seen) < 20
    assert ssim(image, seen) < 0.9
