"""The arithmetic coder and its models: what goes in comes out, whatever it is, and damage is told."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from quantize.entropy.kernels.coder import EDGE, REACH, SQUASH, STRETCH
from quantize.entropy.streams import code_numbers, decode_symbols, encode_symbols
from quantize.errors import ContainerError


@settings(max_examples=30, deadline=None)
@given(
    symbols=st.integers(1, 8).flatmap(
        lambda bits: st.tuples(
            st.just(bits),
            hnp.arrays(
                np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 2**bits - 1)
            ),
        )
    )
)
def test_symbols_come_back(symbols):
    bits, plane = symbols
    data = encode_symbols(plane, bits)
    assert (decode_symbols(data, *plane.shape, bits) == plane).all()


@settings(max_examples=30, deadline=None)
@given(
    numbers=hnp.arrays(np.int64, st.integers(1, 60), elements=st.integers(-(2**19), 2**19)), period=st.integers(1, 9)
)
def test_numbers_come_back(numbers, period):
    data = code_numbers(numbers.copy(), period, None)
    found = np.zeros_like(numbers)
    code_numbers(found, period, data)
    assert (found == numbers).all()


def test_a_plain_plane_takes_next_to_nothing():
    assert len(encode_symbols(np.full((100, 100), 7, np.uint8), 8)) < 60


def test_likely_symbols_take_less():
    rng = np.random.default_rng(0)
    rare = (rng.random((64, 64)) < 0.05).astype(np.uint8)
    entropy = -(0.05 * np.log2(0.05) + 0.95 * np.log2(0.95)) * rare.size / 8
    assert len(encode_symbols(rare, 1)) < 1.25 * entropy


@pytest.mark.parametrize("change", [lambda data: data[: len(data) // 2], lambda data: data + b"\0\0\0\0"])
def test_a_stream_that_is_too_short_or_too_long_is_an_error(change, rng):
    data = encode_symbols(rng.integers(0, 16, (40, 40)).astype(np.uint8), 4)
    with pytest.raises(ContainerError):
        decode_symbols(change(data), 40, 40, 4)


def test_the_tables_are_the_logistic_function():
    x = np.arange(-REACH, REACH + 1) / 256
    assert np.abs(SQUASH - np.clip(65536 / (1 + np.exp(-x)), EDGE, 65536 - EDGE)).max() <= 0.5001
    p = (np.arange(4096) + 0.5) / 4096
    assert np.abs(STRETCH - 256 * np.log(p / (1 - p))).max() < 40
    assert np.abs(STRETCH - 256 * np.log(p / (1 - p)))[64:-64].max() < 1.1
