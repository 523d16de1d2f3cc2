"""Palettes: exact where they can be, near the best where not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantize.metrics import psnr, ssim
from quantize.palette import as_rgba, choose_palette, find_colors, map_pixels
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


@settings(max_examples=30, deadline=None)
@given(pixels=images, n_entries=st.integers(2, 16))
def test_every_pixel_has_its_nearest_entry(pixels, n_entries):
    rgba = as_rgba(pixels)
    colors = find_colors(rgba)
    palette = choose_palette(colors, n_entries)
    assert len(palette.rgba) <= n_entries

    def rows(values, opaque):
        found = values.astype(np.float64)
        found[..., :3] *= 1 if opaque else found[..., 3:] / 255
        return found[..., : 3 if opaque else 4]

    a, b = rows(rgba, colors.opaque)[:, :, None], rows(palette.rgba, colors.opaque)
    distances = np.square(a - b).sum(-1)
    chosen = np.take_along_axis(distances, map_pixels(colors, palette, False)[..., None].astype(int), 2)[..., 0]
    assert np.allclose(chosen, distances.min(2), atol=0.05)


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
    ours = palette.rgba[map_pixels(colors, palette, False)][..., :3]
    theirs = np.asarray(Image.fromarray(pixels).quantize(n_entries, method=0, dither=0).convert("RGB"))
    assert psnr(pixels, ours) > psnr(pixels, theirs) + 0.5


def test_dithering_keeps_the_mean_of_a_slope():
    pixels = np.repeat(np.linspace(0, 255, 64).astype(np.uint8)[None, :, None], 64, 0)
    colors = find_colors(as_rgba(pixels))
    palette = choose_palette(colors, 4)
    plain, dithered = (palette.rgba[map_pixels(colors, palette, dither)][..., 0] for dither in (False, True))
    wanted = pixels[..., 0].reshape(64, 8, 8).mean((0, 2))
    inner = slice(1, 7)

    def error(found):
        return np.abs(found.reshape(64, 8, 8).mean((0, 2)) - wanted)[inner].max()

    assert error(dithered) < 3 < error(plain)


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
