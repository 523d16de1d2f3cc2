"""Kernels of the index coder: a binary arithmetic coder driven by a mixture of adaptive models, in integers alone.

For each decision several contexts (the neighbours, the coarser level, the place in the tree of codewords) each look up
how often it was a one; a small network weighs these opinions in the logistic domain and learns from the outcome (M.
Mahoney, "Adaptive weighing of context models for lossless data compression", 2005).

Why none of the well-kept libraries (benchmarks/quantize.py, indices of 64 colours, two photographs): zstandard at its
level 19 takes 44 % more bytes; the range coder of constriction, with the histogram of each left neighbour known
beforehand and not counted, 28 % more. It is the models that save, and they must be mixed between any two decisions,
for which these libraries have no place, in whole numbers.

A cell of a `table` (int32) holds a probability of 22 bits, times 512, and how often it was used, at most `LIMIT`. The
logistic domain is in 256ths. `coder` (4,) int64 holds the lower and the upper end of the interval (32 bits each), the
place in `buffer`, and the decoder's 32 bits. The carry-less interval is that of lpaq (M. Mahoney, 2007).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clustering.kernels.compilation import compiled

# Contexts of a decision; the same number everywhere, so that the loops over them unroll.
N_INPUTS = 6
LIMIT = 250
# Least and most probability of a one, of 65,536.
EDGE = 16
UNIT = 256
REACH = 12 * UNIT - 1
# Cells and weights start at these: no opinion, and a quarter of each opinion.
START_CELL = 1 << 30
START_WEIGHT = 1 << 14
# Room for the end of a stream.
SPARE_BYTES = 64


def _logistic() -> NDArray[np.int64]:
    """65,536 / (1 + exp(-x / 256)) for x from -REACH to REACH, by integers: a table that is the same everywhere."""
    one = 1 << 80
    # exp(-1 / 256) as the sum of its series.
    ratio, term = one, one
    for n in range(1, 40):
        term = -term // (UNIT * n)
        ratio += term
    values, power = [], one
    for _ in range(REACH + 1):
        values.append(((1 << 16) * one + (one + power) // 2) // (one + power))
        power = (power * ratio) >> 80
    return np.array([65536 - value for value in values[:0:-1]] + values, np.int64)


_LOGISTIC = _logistic()
# The tables are narrow: all of them, and cells besides, are to stay in the 32 kB next to the processor.
SQUASH = np.clip(_LOGISTIC, EDGE, 65536 - EDGE).astype(np.uint16)
# Logistic of the middle of each 4,096th: the nearest entry of the other table.
STRETCH = (np.searchsorted(_LOGISTIC, np.arange(4096) * 16 + 8) - REACH).astype(np.int16)
# Weight of the next outcome in the mean of n, and how much an opinion of n outcomes counts, both of 65,536 and 256.
SHARE = np.array([655360 // (10 * n + 16) for n in range(LIMIT + 1)], np.uint16)
TRUST = np.array([256 * 2 * n // (2 * n + 3) for n in range(LIMIT + 1)], np.int16)
# Bits that a decision costs by its probability of 4,096; for the encoder's choices alone, so that floats do no harm.
COST = -np.log2((np.arange(4096) + 0.5) / 4096)


@compiled()
def mixed_probability(
    bases: NDArray, node: int, table: NDArray, weights: NDArray, weight_set: int, opinions: NDArray
) -> np.int64:
    """Probability, of 65,536, that the decision at a node is a one.

    Numbers of cells are unsigned here: Numba looks whether a signed one counts from the end, which takes half the time.

    IN: bases (N_INPUTS,) where the cells of each input's context begin; node, which of them; table; weights (n_sets *
    N_INPUTS,) int32; weight_set. OUT: opinions (N_INPUTS,) int64.
    """
    total: Any = 0
    place, first = np.uint64(node), np.uint64(weight_set * N_INPUTS)
    for t in range(N_INPUTS):
        cell = np.int64(table[np.uint64(bases[t]) + place])
        opinion = (np.int64(STRETCH[np.uint64(cell >> 19)]) * np.int64(TRUST[np.uint64(cell & 511)])) >> 8
        opinions[t] = opinion
        total += opinion * np.int64(weights[first + np.uint64(t)])
    total = min(max(total >> 16, -REACH), REACH)
    return np.int64(SQUASH[np.uint64(total + REACH)])


@compiled()
def code_decision(
    decoding: bool,
    bit: int,
    bases: NDArray,
    node: int,
    table: NDArray,
    weights: NDArray,
    weight_set: int,
    opinions: NDArray,
    coder: NDArray,
    buffer: NDArray,
) -> int:
    """Code one decision, learn from it, and return it.

    IN: decoding, else `bit` is encoded; the others as of `mixed_probability`. INOUT: table, weights, coder, buffer.
    """
    one = mixed_probability(bases, node, table, weights, weight_set, opinions)
    low, high = coder[0], coder[1]
    middle = low + (((high - low) * one) >> 16)
    if decoding:
        bit = 1 if coder[3] <= middle else 0
    if bit == 1:
        high = middle
    else:
        low = middle + 1
    while ((low ^ high) & 0xFF000000) == 0:
        if decoding:
            place = coder[2]
            following = np.int64(buffer[place]) if place < buffer.shape[0] else 0
            coder[3] = ((coder[3] << 8) & 0xFFFFFFFF) | following
        else:
            buffer[coder[2]] = high >> 24
        coder[2] += 1
        low = (low << 8) & 0xFFFFFFFF
        high = ((high << 8) & 0xFFFFFFFF) | 255
    coder[0], coder[1] = low, high
    error = (bit << 16) - one
    target = (bit << 22) - bit
    first = np.uint64(weight_set * N_INPUTS)
    for t in range(N_INPUTS):
        weights[first + np.uint64(t)] += (opinions[t] * error + 32768) >> 16
        at = np.uint64(bases[t]) + np.uint64(node)
        cell = np.int64(table[at])
        used, probability = cell & 511, cell >> 9
        probability += ((target - probability) * np.int64(SHARE[np.uint64(used)])) >> 16
        table[at] = (probability << 9) | (used + (1 if used < LIMIT else 0))
    return bit


@compiled()
def start_decoder(coder: NDArray, buffer: NDArray) -> None:
    """Read the first bytes. OUT: coder. IN: buffer."""
    coder[0], coder[1], coder[2], coder[3] = 0, 0xFFFFFFFF, 4, 0
    for k in range(4):
        coder[3] = (coder[3] << 8) | (np.int64(buffer[k]) if k < buffer.shape[0] else 0)


@compiled()
def finish_encoder(coder: NDArray, buffer: NDArray) -> None:
    """Write what tells the last interval from all others; the decoder takes missing bytes as zeros.

    INOUT: coder, buffer.
    """
    # The shortest number in the interval whose remaining bytes are zeros.
    for kept in range(1, 5):
        shift = 32 - 8 * kept
        value = ((coder[0] + (1 << shift) - 1) >> shift) << shift
        if value <= coder[1]:
            for k in range(kept):
                buffer[coder[2]] = (value >> (24 - 8 * k)) & 255
                coder[2] += 1
            break
