"""The container: what it refuses, and that it says why."""

import struct

import numpy as np
import pytest

import quantize
from quantize.block.codebook import build_tree, huffman_lengths
from quantize.container import pack_streams, unpack_streams
from quantize.pipeline import describe
from tests.test_quantize.chunks import chunks_of, file_of
from tests.test_quantize.conftest import photo


@pytest.fixture(scope="module")
def data():
    return quantize.encode(photo(40, 40), block=2)


def refuses(data, match, **options):
    with pytest.raises(quantize.ContainerError, match=match):
        quantize.decode(data, **options)


def test_an_unknown_chunk_that_may_be_passed_by_is(data):
    chunks = chunks_of(data)
    chunks.insert(2, (b"note", b"hello"))
    assert (quantize.decode(file_of(chunks, data[:8])) == quantize.decode(data)).all()


def test_an_unknown_chunk_that_matters_is_told(data):
    chunks = chunks_of(data)
    chunks.insert(2, (b"NOTE", b"hello"))
    refuses(file_of(chunks, data[:8]), "chunk NOTE that this program does not know; update quantize")


def test_a_transfer_as_text_is_told(data):
    refuses(data.replace(b"\r\n", b"\n"), "transfer as text")


def test_a_later_version_is_told(data):
    chunks = chunks_of(data)
    chunks[0] = (b"HEAD", b"\x04" + chunks[0][1][1:])
    refuses(file_of(chunks, data[:8]), "version 4")


@pytest.mark.parametrize(
    ("profile", "channels", "height", "width"),
    [(0, 3, 40, 40), (4, 3, 40, 40), (2, 0, 40, 40), (2, 5, 40, 40), (2, 3, 0, 40), (2, 3, 40, 0)],
)
def test_a_header_that_none_can_have_is_told(data, profile, channels, height, width):
    chunks = chunks_of(data)
    chunks[0] = (b"HEAD", chunks[0][1][:1] + struct.pack(">BBII", profile, channels, height, width))
    damaged = file_of(chunks, data[:8])
    refuses(damaged, "has an invalid header; the file is damaged")
    with pytest.raises(quantize.ContainerError, match="has an invalid header; the file is damaged"):
        describe(damaged)


@pytest.mark.parametrize("place", [8, 20, 60, -20, -1])
def test_a_flipped_bit_is_told(data, place):
    changed = bytearray(data)
    changed[place] ^= 4
    with pytest.raises(quantize.ContainerError):
        quantize.decode(bytes(changed))


def test_a_cut_is_told(data):
    refuses(data[:-1], "cut off")
    refuses(data[:-16], "cut off")
    refuses(data[:8], "cut off")
    refuses(data[:5], "cut off")
    refuses(b"GIF89a", "not a .vqi file")


@pytest.mark.parametrize(
    ("more", "told"), [(b"\0", "1 byte after"), (b"junk" * 9, "36 bytes after"), (None, "bytes after")]
)
@pytest.mark.parametrize("level", [0, 1])
def test_what_follows_the_end_is_told(more, told, level):
    data = quantize.encode(photo(64, 64), profile="multiresolution")
    refuses(data + (data if more is None else more), f"has .*{told} its end; the file was joined", level=level)


def test_a_wrong_checksum_of_the_pixels_is_told(data):
    chunks = chunks_of(data)
    chunks[-1] = (b"TAIL", b"\0\0\0\0")
    refuses(file_of(chunks, data[:8]), "pixels that it was made with")


def test_a_large_image_is_refused_unless_allowed(data):
    refuses(data, "--max-pixels", max_pixels=1599)
    quantize.decode(data, max_pixels=1600)


def test_an_index_beyond_the_palette_is_told():
    data = quantize.encode((np.indices((8, 8)).sum(0) % 8).astype(np.uint8))
    chunks = chunks_of(data)
    assert chunks[1][0] == b"PLTE"
    chunks[1] = (b"PLTE", chunks[1][1][:-8])
    refuses(file_of(chunks, data[:8]), "beyond its palette")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (b"BLCK", b""),
        (b"BLCK", bytes([3, 0, 0, 0, 2, 0])),
        (b"BLCK", bytes([2, 2, 0, 0, 2, 0])),
        (b"BLCK", bytes([2, 0, 0, 0, 0, 0])),
        (b"BLCK", bytes([2, 0, 0, 0, 2, 0, 0])),
        (b"PLTE", b""),
        (b"PLTE", bytes(5)),
        (b"PLTE", bytes(4 * 257)),
    ],
)
def test_damaged_parameters_are_told_where_they_are_described_too(kind, body):
    chunks = chunks_of(quantize.encode(photo(8, 8), block=2 if kind == b"BLCK" else 1))
    damaged = file_of([(kind, body) if chunk[0] == kind else chunk for chunk in chunks], b"\x89VQI\r\n\x1a\n")
    for read in (quantize.decode, describe):
        with pytest.raises(quantize.ContainerError, match="the file is damaged"):
            read(damaged)


def test_streams_come_back_with_their_lengths():
    streams = [b"", b"a", bytes(127), bytes(128), bytes(70000)]
    assert unpack_streams(pack_streams(streams)) == streams
    # Seven bits of a length a byte.
    assert [len(pack_streams([stream])) - len(stream) for stream in streams] == [1, 1, 1, 2, 3]
    with pytest.raises(quantize.ContainerError):
        unpack_streams(pack_streams(streams)[:-1])


def test_coarse_data_come_first(data):
    kinds = [kind for kind, _ in chunks_of(data)]
    assert kinds[:3] == [b"HEAD", b"BLCK", b"BOOK"]
    assert set(kinds[3:-1]) == {b"SCAL"}
    assert kinds[-1] == b"TAIL"


def test_trees_lead_to_every_leaf(rng):
    counts = rng.integers(1, 1000, 37).astype(float)
    lengths = np.sort(huffman_lengths(counts))
    assert (0.5**lengths).sum() == 1
    tree = build_tree(lengths)
    for j, length in enumerate(lengths):
        node = 0
        for d in range(length):
            assert tree.nodes[j, d] == node
            node = tree.children[node, tree.bits[j, d]]
        assert node == -1 - j


@pytest.mark.parametrize("lengths", [[1], [1, 2], [1, 1, 1], [2, 2, 2], [1, 2, 3], [0, 1], [1, 1, 2]])
def test_impossible_trees_are_told(lengths):
    with pytest.raises(quantize.ContainerError):
        build_tree(np.array(lengths))


def test_the_header_is_where_the_specification_says(data):
    assert data[:8] == b"\x89VQI\r\n\x1a\n"
    assert struct.unpack_from(">I4sBBBII", data, 8) == (11, b"HEAD", 1, 2, 3, 40, 40)


@pytest.mark.parametrize("size", [(1, 178_000_000), (178_000_000, 1), (13_000, 13_000)])
@pytest.mark.parametrize("block", [1, 2, 8])
def test_a_huge_size_with_hardly_any_data_is_told_at_once(size, block):
    chunks = chunks_of(quantize.encode(photo(30, 30), block=block))
    chunks[0] = (b"HEAD", chunks[0][1][:3] + struct.pack(">II", *size))
    with pytest.raises(quantize.ContainerError):
        quantize.decode(file_of(chunks, b"\x89VQI\r\n\x1a\n"))
