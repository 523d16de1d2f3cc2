"""Parts of the multi-resolution profile: transform, colours, steps, stripes, and the codebooks that come with it."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantize.multiresolution import books
from quantize.multiresolution.coder import Steps
from quantize.multiresolution.colors import fitted_matrix, inverse, jpeg_matrix, opponent_matrix
from quantize.multiresolution.editions import EDITIONS
from quantize.multiresolution.kernels.wavelet import (
    LIFTING,
    restore_columns,
    restore_rows,
    transform_columns,
    transform_rows,
)
from quantize.multiresolution.layout import (
    COARSE_STEPS,
    DETAIL_STEPS,
    LOW_GAINS,
    MOST_LEVELS,
    STEP_UNITS,
    Layout,
    detail_steps,
    plain_weights,
)
from quantize.multiresolution.parameters import Parameters, pack_parameters, unpack_parameters
from quantize.multiresolution.transform import analyse, synthesise
from quantize.multiresolution.tuning import (
    COARSE_STEP,
    FINE_STEP,
    TUNINGS,
    Masking,
    plain_cells,
    variance_cells,
    window_variances,
)
from tests.test_quantize.conftest import photo


def lifted_back(low, high):
    """Naive twin of the inverse transform of one line, without its rounding."""
    line = np.zeros(2 * len(low))
    line[::2], line[1::2] = low, high
    for step, parity in ((3, 0), (2, 1), (1, 0), (0, 1)):
        for i in range(parity, len(line), 2):
            sides = line[abs(i - 1)] + line[i + 1 if i + 1 < len(line) else i - 1]
            line[i] -= LIFTING[step] / 4096 * sides
    return line


def wave(level, high):
    """What one sample of a band stands for in a line."""
    impulse = np.zeros(64)
    impulse[32] = 1
    line = lifted_back(impulse * (not high), impulse * high)
    for _ in range(level - 1):
        line = lifted_back(line, np.zeros(len(line)))
    return line


@settings(max_examples=30, deadline=None)
@given(
    plane=st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(
        lambda half: hnp.arrays(np.int16, (2 * half[0], 2 * half[1]), elements=st.integers(-1100, 1100))
    )
)
def test_the_transform_is_undone_exactly(plane):
    height, width = plane.shape
    work, low = plane.copy(), np.empty((height // 2, width // 2), np.int16)
    details = np.empty((height // 2, width // 2, 3), np.int16)
    transform_rows(work, 0, height)
    transform_columns(work, low, details, 0, 0, width // 2)
    restored = np.empty_like(plane)
    restore_columns(low, details, 0, restored, 0, width // 2)
    restore_rows(restored, 0, height)
    assert (restored == plane).all()


def test_the_inverse_transform_is_that_of_the_wavelet(rng):
    low, details = rng.integers(-900, 900, (8, 6)), rng.integers(-200, 200, (8, 6, 3))
    rows = [(low, details[..., 1]), (details[..., 0], details[..., 2])]
    columns = [np.stack([lifted_back(a[:, c], b[:, c]) for c in range(6)], 1) for a, b in rows]
    expected = np.stack([lifted_back(*(half[r] for half in columns)) for r in range(16)])
    plane = np.empty((16, 12), np.int16)
    restore_columns(low.astype(np.int16), details.astype(np.int16), 0, plane, 0, 6)
    restore_rows(plane, 0, 16)
    assert np.abs(plane - expected).max() <= 4


@pytest.mark.parametrize("level", range(1, MOST_LEVELS + 1))
def test_steps_stand_for_equal_errors(level):
    low, high = (np.linalg.norm(wave(level, kind)) for kind in (False, True))
    assert DETAIL_STEPS[level - 1] / 65536 == pytest.approx([1 / (low * high), 1 / high**2], rel=1e-3)
    assert COARSE_STEPS[level - 1] / 65536 == pytest.approx(1 / low**2, rel=1e-3)
    # All samples of a level together make a plane of the same height.
    assert wave(level, False).sum() / 2**level == pytest.approx(np.sqrt(LOW_GAINS[level] / 65536), rel=2e-3)


@pytest.mark.parametrize("value", [0, 255])
def test_no_sample_is_out_of_range(value):
    pixels = np.full((512, 512, 3), value, np.uint8)
    layout = Layout(512, 512, 3)
    for matrix in (jpeg_matrix(), opponent_matrix(), fitted_matrix(photo(64, 64))):
        coarsest, details = analyse(pixels, inverse(matrix), layout)
        assert np.abs(coarsest).max() < 32767
        assert all(np.abs(band).max() < 40 for groups in details for band in groups)
        assert np.ptp(synthesise(coarsest, details, layout), axis=(1, 2)).max() <= 8


def test_the_matrix_is_undone():
    pixels = photo(64, 64)
    for matrix in (
        jpeg_matrix(),
        opponent_matrix(),
        fitted_matrix(pixels),
        fitted_matrix(np.zeros((2, 2, 3), np.uint8)),
    ):
        assert inverse(matrix) @ matrix / 4096**2 == pytest.approx(np.eye(3), abs=1e-3)


@pytest.mark.parametrize("number", EDITIONS)
def test_the_shipped_codebooks_are_whole(number):
    known = books.shipped(number)
    for kind in books.KINDS:
        book = known.books[kind]
        n_codewords = len(book.codewords)
        assert sorted(-1 - book.children[book.children < 0]) == list(range(n_codewords))
        assert len(book.children) == n_codewords - 1
        assert sum(2.0**-book.lengths) == 1
        assert (book.codewords[:-1].sum(axis=1) > 0).all()
        assert (known.models[kind].cells.table > 0).all()
    path = books.__file__.replace("books.py", EDITIONS[number].file)
    with open(path, "rb") as file:
        assert len(file.read()) <= 400_000


def test_known_arrays_are_read_as_they_were_written():
    packed = books.pack_known(books.shipped())
    again = books.pack_known(books.unpack_known(packed))
    assert all((packed[name] == again[name]).all() for name in packed)


@pytest.mark.parametrize("size", [(512, 768), (100, 4000), (9, 60_000), (4000, 20), (3000, 5000)])
def test_stripes_cover_all_rows_and_divide_no_cell(size):
    layout = Layout(*size, 3)
    for level in range(1, layout.n_levels + 1):
        stripes = [layout.stripe_rows(stripe, level) for stripe in range(layout.n_stripes)]
        assert stripes[0][0] == 0
        assert stripes[-1][1] == layout.shape(level)[0]
        assert all(a[1] == b[0] for a, b in itertools.pairwise(stripes))
        assert all(first < last for first, last in stripes)
        assert all((first << level) % 16 == 0 for first, _ in stripes)


def test_a_weight_of_a_level_multiplies_its_steps():
    layout = Layout(64, 64, 3)
    weights = plain_weights(layout)
    weights[0] = 32, 128, 64
    steps = Steps(1000, 3000, weights, plain_cells(layout))
    assert [steps.at(level) for level in (1, 2, 3)] == [[500, 6000], [1000, 3000], [1000, 3000]]


def test_details_in_both_directions_have_a_weight_of_their_own():
    plain, coarser = detail_steps(1000, 2, 6), detail_steps(1000, 2, 6, 128)
    assert (coarser[:, [0, 1, 3, 4]] == plain[:, [0, 1, 3, 4]]).all()
    assert np.abs(coarser[:, [2, 5]] - 2 * plain[:, [2, 5]]).max() <= 1


def numbers(emphasis):
    """All numbers of an emphasis."""
    masking = emphasis.masking
    return np.array([*np.ravel(emphasis.weights), *emphasis.rates, masking.power, masking.least_variance, masking.blur])


def test_coarse_steps_are_tuned_for_by_themselves():
    visual = TUNINGS["visual"]
    for step in (0.25, FINE_STEP):
        assert visual.at(round(step * STEP_UNITS)) == visual.fine
    for step in (COARSE_STEP, 256):
        assert numbers(visual.at(round(step * STEP_UNITS))) == pytest.approx(numbers(visual.coarse))
    between = visual.at(round(np.sqrt(FINE_STEP * COARSE_STEP) * STEP_UNITS))
    expected = np.sqrt(numbers(visual.fine) * numbers(visual.coarse))
    assert numbers(between) == pytest.approx(expected, rel=1e-3)
    for name in ("psnr", "ssim"):
        assert TUNINGS[name].at(round(COARSE_STEP * STEP_UNITS)) == TUNINGS[name].fine


@pytest.mark.parametrize("window", [8, 16])
def test_the_map_follows_the_variance(window):
    pixels = photo(70, 100)[..., 0]
    layout, masking = Layout(*pixels.shape, 1), Masking(0.25, 30.0, window)
    rows, columns = layout.cells
    padded = np.pad(pixels, ((0, 16 * rows - 70), (0, 16 * columns - 100)), mode="edge").astype(float)
    octaves = np.zeros((rows, columns))
    for r, c in np.ndindex(rows, columns):
        cell = padded[16 * r : 16 * r + 16, 16 * c : 16 * c + 16]
        parts = [cell[y : y + window, x : x + window] for y in range(0, 16, window) for x in range(0, 16, window)]
        octaves[r, c] = -0.25 * np.log2(np.mean([1 / (part.var() + 30) for part in parts]))
    # Every second of the classes, of which four are an octave; the eighth one changes nothing.
    expected = 8 + 2 * np.rint(2 * (octaves - octaves.mean()))
    found = variance_cells(window_variances(pixels, layout, window), layout, masking)
    assert len(np.unique(found)) > 1
    np.testing.assert_array_equal(found, np.clip(expected, 0, 15))


@pytest.mark.parametrize(
    ("size", "base"),
    [((512, 768), [6, 5]), ((90, 130), [3]), ((20, 30), []), ((3000, 4000), []), ((9, 60_000), [])],
)
def test_small_levels_are_the_base(size, base):
    assert list(Layout(*size, 3).base_levels) == base


OWN = np.array([[4096, 0, 1], [4096, -2, 3], [4096, 4, -32768]], np.int64)


@pytest.mark.parametrize(("matrix", "n_bytes"), [(jpeg_matrix(), 0), (opponent_matrix(), 0), (OWN, 18)])
@pytest.mark.parametrize(("rows", "n_rows"), [([], 0), ([(64, 70, 80)], 1), ([(9, 8, 7), (1, 2, 3), (1, 2, 4)], 3)])
def test_parameters_are_read_as_they_were_written(matrix, n_bytes, rows, n_rows):
    layout = Layout(512, 768, 3)
    weights = plain_weights(layout)
    if rows:
        weights[: len(rows)], weights[len(rows) :] = rows, rows[-1]
    written = Parameters(3, 300, 70_000, matrix, weights, True)
    data = pack_parameters(written)
    assert len(data) == 7 + n_bytes + 3 * n_rows
    read, rest = unpack_parameters(data + b"more", layout)
    assert rest == b"more"
    assert (read.edition, read.luma, read.chroma, read.has_map) == (3, 300, 70_000, True)
    np.testing.assert_array_equal(read.matrix, matrix)
    np.testing.assert_array_equal(read.weights, weights)
