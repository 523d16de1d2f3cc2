"""Compiled reading of numbers against Python's own."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyframes.predictions import tables
from keyframes.predictions.tables import numbers_in, plain_rows

FORMS = ("{!r}", "{:.3f}", "{:e}", "{:+.17g}", "{:.25f}", "{:E}")
numbers = st.floats(1e-200, 1e200) | st.floats(-1e200, -1e-200) | st.just(0.0) | st.floats(-5000, 5000)
written = st.tuples(numbers.filter(lambda x: x == 0 or abs(x) > 1e-200), st.sampled_from(FORMS)).map(
    lambda one: one[1].format(one[0])
)


@pytest.mark.slow
@given(st.lists(st.lists(written | st.just("nan") | st.just(""), min_size=3, max_size=3), min_size=1), st.booleans())
def test_the_numbers_are_pythons(cells, ends):
    rows = [[number, *row] for number, row in enumerate(cells)]
    text = "\n".join(",".join(map(str, row)) for row in rows) + "\n" * ends
    read = plain_rows(text, 4)
    expected = np.array([[float(cell or "nan") for cell in map(str, row)] for row in rows])
    np.testing.assert_allclose(read, expected, rtol=3e-16, atol=0)
    np.testing.assert_array_equal(read[:, 0], expected[:, 0])


@given(st.integers(-(2**53), 2**53), st.integers(0, 22))
def test_numbers_of_up_to_53_bits_are_exact(digits, n_decimals):
    text = f"{digits}e-{n_decimals}"
    assert plain_rows(text, 1)[0, 0] == float(text)


@given(st.text("0123456789.-+eEna, x_", max_size=12))
def test_what_is_read_is_a_number(cell):
    read = plain_rows(f"{cell}\n", 1)
    if read is None or not len(read):
        return
    if abs(float(cell)) > 0:
        assert math.isclose(read[0, 0], float(cell), rel_tol=3e-16)
    else:
        np.testing.assert_array_equal(read[0, 0], float(cell))


@pytest.mark.parametrize(
    "bad",
    ["1.2.3", "1-2", "12e", "1e+", "2x", "-", ".", "e5", "n", "na", "nanx", "1_0", "0x1", "1 2", "inf", "1e999", ""],
)
def test_other_cells_are_left_to_the_careful_reader(bad):
    assert plain_rows(f"1,2\n{bad},4\n", 2) is None
    if bad:
        assert plain_rows(f"1,2\n3,{bad}\n", 2) is None
        assert plain_rows(f"1,2\n3,{bad}", 2) is None


@pytest.mark.parametrize("text", ["1,2\n3\n", "1,2\n3,4,5\n", "1,2\n3", "1,2\n3,4,", ",2\n"])
def test_other_rows_are_too(text):
    assert plain_rows(text, 2) is None


def test_empty_lines_are_none():
    assert plain_rows("\n\n", 2).shape == (0, 2)
    np.testing.assert_array_equal(plain_rows("\n1,2\n\n\n3,\n", 2), [[1, 2], [3, np.nan]])


@pytest.mark.parametrize("columns", [[0, 1, 2], [2, 0], [1, 0, 2]])
def test_both_readers_give_the_same_rows(columns, tmp_path, rng, monkeypatch):
    monkeypatch.setattr(tables, "PIECE", 1000)
    values = rng.normal(scale=100, size=(500, 3))
    values[:, 0] = np.arange(500)
    path = tmp_path / "table.csv"
    path.write_text("a,b,c\n" + "".join(f"{int(i)},{x!r},{y!r}\n" for i, x, y in values.tolist()))
    quick = np.concatenate(list(numbers_in(path, 1, columns, 3)))
    monkeypatch.setattr(tables, "plain_rows", lambda text, n_columns: None)
    careful = np.concatenate(list(numbers_in(path, 1, columns, 3)))
    np.testing.assert_array_equal(careful, values[:, columns])
    np.testing.assert_allclose(quick, careful, rtol=3e-16, atol=0)
