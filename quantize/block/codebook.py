"""Codebooks: trained on what prediction leaves of an image's blocks, and made ready for coding.

The core's k-means (or CentNN) finds the codewords; then they are made entropy-constrained: a vector goes to the
codeword of least distortion plus rate, and the rates follow from how often each is used (P. A. Chou, T. Lookabaugh and
R. M. Gray, "Entropy-constrained vector quantization", IEEE Transactions on Acoustics, Speech, and Signal Processing
37(1), 1989).
"""

import heapq

import numpy as np
from numpy.typing import NDArray

from quantize.block.kernels.choice import LONGEST, SCALE, assign_by_rate
from quantize.block.kernels.contexts import FLAG_CONTEXTS, N_CLASSES, N_FLAGS, NODE_CONTEXTS
from quantize.block.kernels.tables import MOST_STAGES, Tables, Tree
from quantize.container import pack_streams, unpack_streams
from quantize.datatypes import MOST_CODEWORDS, Algorithm, Codebook
from quantize.entropy.kernels.coder import FEW_INPUTS
from quantize.entropy.streams import code_numbers
from quantize.errors import check

# Which blocks a codebook serves: whether of chroma, and their side.
BookKey = tuple[bool, int]

# Units of a codeword in a step.
UNITS = 8
LLOYD_TURNS = 10
RATE_TURNS = 4
# Vectors too small for a codeword are left out of the training: their square is worth no more than so many bits.
LEAST_TRAINED_BITS = 6
# Vectors to train a codeword on, and most in all.
VECTORS_EACH = 24
MOST_VECTORS = 24_000
# Paths are no longer than this: it takes 2 million uses of the others to make a longer one pay.
LONGEST_PATH = 24


def train(
    vectors: NDArray[np.float32], block: int, n_codewords: int, rate: float, algorithm: Algorithm, seed: int
) -> Codebook:
    """Train a codebook.

    Parameters
    ----------
    vectors : array (n_vectors, block * block), float32
        Differences from the prediction in steps, each of mean 0; those too small for a codeword are
        skipped.
    block : int
    n_codewords : int
        Most codewords; there are fewer where there are too few vectors.
    rate : float
        Lagrangian weight of a bit, in squared steps.
    algorithm : {"kmeans", "centnn"}
    seed : int
    """
    vectors, squares = worth_training(vectors, rate)
    for _ in range(MOST_STAGES - 1):
        # The first codeword of a longer vector is scaled up to it.
        longer = squares > LONGEST**2
        vectors = np.where(longer[:, None], vectors / np.float32(SCALE), vectors)
        squares = np.where(longer, squares / SCALE**2, squares)
    vectors = vectors[squares <= LONGEST**2]
    if len(vectors) > MOST_VECTORS:
        vectors = vectors[np.random.RandomState(seed).choice(len(vectors), MOST_VECTORS, replace=False)]
    n_codewords = min(n_codewords, len(vectors) // VECTORS_EACH)
    if n_codewords < 2:
        return _plain_codebook(block)
    # Loaded here: a decoder needs neither, and soon.
    if algorithm == "kmeans":
        from clustering import k_means

        centers = k_means(vectors, n_codewords, max_iter=LLOYD_TURNS, random_state=seed, n_threads=1).centers
    else:
        from clustering import cent_nn

        centers = cent_nn(vectors, n_codewords, random_state=seed, n_threads=1).centers
    codewords, counts = _constrain(vectors, centers, rate)
    rounded, lengths = _rounded(codewords), huffman_lengths(counts)
    order = np.lexsort((*rounded.T, classes(rounded, block), lengths))
    return Codebook(block, rounded[order], lengths[order])


def worth_training(vectors: NDArray[np.float32], rate: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the vectors that are large enough for a codeword, and their squares; `rate` as of `train`."""
    squares = np.einsum("ij,ij->i", vectors, vectors)
    large = squares > LEAST_TRAINED_BITS * rate
    return vectors[large], squares[large]


def _constrain(
    vectors: NDArray[np.float32], codewords: NDArray[np.float32], rate: float
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Make codewords entropy-constrained; those that nobody uses are dropped."""
    counts = np.full(len(codewords), 1.0)
    for _ in range(RATE_TURNS):
        lengths = np.log2(counts.sum() / counts)
        norms = np.einsum("ij,ij->i", codewords, codewords) + rate * lengths
        sums, counts = np.zeros(codewords.shape), np.zeros(len(codewords))
        assign_by_rate(vectors, np.ascontiguousarray(codewords.T), norms.astype(np.float32), sums, counts)
        used = counts > 0
        counts = counts[used]
        codewords = (sums[used] / counts[:, None]).astype(np.float32)
    return codewords, counts


def _slopes(block: int) -> NDArray[np.int64]:
    """Three shapes (3, block * block) of ones and minus ones: down to the right, down to the bottom, and both."""
    sign = np.where(np.arange(block) < block // 2, 1, -1)
    across, down = np.tile(sign, block), np.repeat(sign, block)
    return np.stack([across, down, across * down])


def _plain_codebook(block: int) -> Codebook:
    """Both directions of the four usual slopes, for images with too little in them to train on."""
    across, down, corner = _slopes(block) * (UNITS // 2)
    shapes = [sign * shape for shape in (across, down, corner, across + down) for sign in (1, -1)]
    return Codebook(block, np.array(shapes, np.int8), np.full(8, 3))


def _rounded(codewords: NDArray[np.float32]) -> NDArray[np.int8]:
    """Round to units so that each codeword adds up to 0: what is left over goes where rounding was farthest off."""
    wanted = np.clip(codewords * UNITS, -120, 120)
    rounded = np.rint(wanted)
    for row, exact in zip(rounded, wanted, strict=True):
        excess = int(row.sum())
        for i in np.argsort(np.sign(excess) * (exact - row), kind="stable")[: abs(excess)]:
            row[i] -= np.sign(excess)
        row[-1] -= row.sum()
    return rounded.astype(np.int8)


def huffman_lengths(counts: NDArray[np.float64]) -> NDArray[np.int64]:
    """Lengths of the codes of least mean length, none over LONGEST_PATH (D. A. Huffman, 1952)."""
    lengths = np.zeros(len(counts), np.int64)
    if len(counts) < 2:
        return lengths
    # A floor under the counts limits the depth.
    floor = counts.sum() / (1 << (LONGEST_PATH - 2))
    heap = [(max(float(count), floor), j, [j]) for j, count in enumerate(counts)]
    heapq.heapify(heap)
    number = len(counts)
    while len(heap) > 1:
        first, _, left = heapq.heappop(heap)
        second, _, right = heapq.heappop(heap)
        members = left + right
        lengths[members] += 1
        heapq.heappush(heap, (first + second, number, members))
        number += 1
    return lengths


def check_code(lengths: NDArray[np.int64]) -> int:
    """Return the longest of a code's lengths; ContainerError where no tree has just these leaves."""
    longest = int(lengths.max())
    # L. G. Kraft: a complete code shares out all of the unit interval.
    share = int((1 << (longest - lengths)).sum())
    check(share <= 1 << longest, "the codewords' code has too many leaves")
    check(share == 1 << longest, "the codewords' code is not complete")
    return longest


def build_tree(lengths: NDArray[np.int64]) -> Tree:
    """Tree of a canonical code of these lengths, which grow; ContainerError where no tree has just these leaves."""
    longest = max(check_code(lengths), 1)
    leaves, depths = np.arange(len(lengths), dtype=np.int32), np.arange(longest, dtype=np.int32)
    shares = 1 << (longest - lengths.astype(np.int32))
    # The codes, left-aligned: each begins where the one before it ends, and is new below the first bit that differs.
    codes = np.cumsum(shares, dtype=np.int32) - shares
    branches = longest - np.frexp(codes[1:] ^ codes[:-1])[1]
    is_on_path = depths < lengths[:, None]
    is_new = is_on_path.copy()
    is_new[1:] &= depths > branches[:, None]
    # Nodes are numbered as paths first meet them: the last one met at a depth has the largest number.
    numbers = (np.cumsum(is_new, dtype=np.int32) - 1).reshape(is_new.shape) * is_new
    nodes = np.maximum.accumulate(numbers, axis=0) * is_on_path
    following = np.roll(nodes, -1, axis=1)
    following[leaves, lengths - 1] = -1 - leaves
    # The path that meets a node first goes on with a 0, and the one that branches off there with a 1.
    children = np.empty((len(lengths) - 1, 2), np.int32)
    children[:, 0] = following[is_new]
    children[nodes[leaves[1:], branches], 1] = following[leaves[1:], branches]
    return Tree(children, nodes, codes[:, None] >> (longest - 1 - depths) & is_on_path)


def classes(codewords: NDArray[np.int8], block: int) -> NDArray[np.int32]:
    """Class of each codeword, 1 to 15, by its main slope, the slope's direction and its height."""
    # Whole numbers below 2**24, which float32 holds exactly.
    slopes = codewords.astype(np.float32) @ _slopes(block).T.astype(np.float32)
    main = np.argmax(np.abs(slopes), axis=1)
    largest = slopes[np.arange(len(slopes)), main]
    high = np.abs(largest) > 2 * UNITS * block
    found = 1 + main * 4 + (largest < 0) * 2 + high
    assert found.max(initial=0) < N_CLASSES
    return found.astype(np.int32)


def tables_of(book: Codebook) -> Tables:
    """Tables of a codebook."""
    tree = build_tree(book.lengths)
    columns = np.ascontiguousarray(book.codewords.T, np.float32) / np.float32(UNITS)
    n_nodes = max(len(tree.children), 1)
    sizes = [N_FLAGS * size for size in FLAG_CONTEXTS] + [n_nodes * size for size in NODE_CONTEXTS]
    starts = np.concatenate([[0], np.cumsum(sizes)])
    return Tables(
        book.codewords,
        book.lengths,
        classes(book.codewords, book.block),
        tree,
        columns,
        np.square(columns).sum(axis=0),
        starts[:FEW_INPUTS].copy(),
        starts[FEW_INPUTS : 2 * FEW_INPUTS].copy(),
        int(starts[-1]),
    )


def pack_books(books: dict[BookKey, Codebook]) -> bytes:
    """Write the data of a BOOK chunk: the codebooks by key, luma before chroma, small blocks before large."""
    streams = []
    for _, book in sorted(books.items()):
        counts = np.bincount(book.lengths, minlength=LONGEST_PATH + 2).astype(np.int64)
        streams.append(code_numbers(counts, len(counts), None))
        numbers = book.codewords[:, :-1].astype(np.int64).ravel()
        streams.append(code_numbers(numbers, book.block**2 - 1, None))
    return pack_streams(streams)


def unpack_books(data: bytes, keys: list[BookKey]) -> dict[BookKey, Codebook]:
    """Undo `pack_books`; ContainerError where a codebook is missing or makes no sense."""
    streams = unpack_streams(data)
    check(len(streams) == 2 * len(keys), "has too many codebooks or too few")
    return {
        key: _unpack_book(key[1], counts, numbers)
        for key, counts, numbers in zip(sorted(keys), streams[::2], streams[1::2], strict=True)
    }


def _unpack_book(block: int, counts_data: bytes, data: bytes) -> Codebook:
    counts = np.zeros(LONGEST_PATH + 2, np.int64)
    code_numbers(counts, len(counts), counts_data)
    check(counts.min() >= 0 and 1 <= counts.sum() <= MOST_CODEWORDS, "has a codebook of an impossible size")
    numbers = np.zeros(counts.sum() * (block**2 - 1), np.int64)
    code_numbers(numbers, block**2 - 1, data)
    known = numbers.reshape(counts.sum(), -1)
    codewords = np.concatenate([known, -known.sum(axis=1, keepdims=True)], axis=1)
    check(np.abs(codewords).max() <= 127, "has a codeword out of range")
    lengths = np.repeat(np.arange(len(counts)), counts)
    check_code(lengths)
    return Codebook(block, codewords.astype(np.int8), lengths)
