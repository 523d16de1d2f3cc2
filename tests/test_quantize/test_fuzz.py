"""Mutated files: an error each time or the same pixels; never a crash, a hang, or much memory.

`QUANTIZE_FUZZ_FILES=10000 pytest -m slow tests/test_quantize/test_fuzz.py` runs in full; `QUANTIZE_FUZZ_SEED` repeats
the seed that a failed run printed.
"""

import os
import random
import struct
import zlib

import numpy as np
import pytest

import quantize
from tests.conftest import compiled_only
from tests.fuzzing import Worker
from tests.test_quantize.chunks import SIGNATURE, chunks_of, file_of
from tests.test_quantize.conftest import photo

N_FILES = int(os.environ.get("QUANTIZE_FUZZ_FILES", "1000"))
LONGEST_S = 5
MOST_MEGABYTES = 1000


def flip(data, rng):
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 8))):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(data, rng):
    return data[: rng.randrange(len(data))]


def remake(data, rng):
    """Change bodies in every way, with right lengths and checksums: what the checksums do not catch."""
    chunks = chunks_of(data)
    number = rng.randrange(len(chunks))
    kind, body = chunks[number]
    way = rng.randrange(7)
    if way == 0 and body:
        body = flip(body, rng)
    elif way == 1 and body:
        body = cut(body, rng)
    elif way == 2:
        place = rng.randrange(len(body) + 1)
        body = body[:place] + rng.randbytes(rng.choice((1, 4, 100))) + body[place:]
    elif way == 3 and body:
        body = rng.randbytes(len(body))
    chunks[number] = (kind, body)
    if way == 4:
        del chunks[number]
    elif way == 5:
        chunks.insert(number, chunks[rng.randrange(len(chunks))])
    elif way == 6:
        rng.shuffle(chunks)
    return file_of(chunks, data[:SIGNATURE])


def resize(data, rng):
    """Other sizes, huge ones too, with a right checksum."""
    chunks = chunks_of(data)
    head = bytearray(chunks[0][1])
    for place in rng.choice(((3,), (7,), (3, 7))):
        size = rng.choice((1, 2, 100, 4000, 13_000, 178_000_000, 2**32 - 1, rng.randrange(2**32)))
        struct.pack_into(">I", head, place, size)
    chunks[0] = (b"HEAD", bytes(head))
    return file_of(chunks, data[:SIGNATURE])


MUTATIONS = (flip, cut, remake, remake, remake, resize)


@pytest.fixture(scope="module")
def worker(tmp_path_factory):
    worker = Worker("tests.test_quantize.fuzz_worker", tmp_path_factory.mktemp("fuzz"), LONGEST_S)
    yield worker
    worker.stop()


@pytest.fixture(scope="module")
def originals():
    """One file of each kind."""
    pixels = photo(48, 64)
    alpha = np.dstack([pixels, np.arange(48 * 64, dtype=np.uint8).reshape(48, 64)])
    return [
        quantize.encode(pixels, block=2),
        quantize.encode(pixels, block=2, subsampling="444", quality=90),
        quantize.encode(pixels, block=4),
        quantize.encode(pixels, block=8),
        quantize.encode(pixels[..., :1], block=2),
        quantize.encode(alpha, block=2),
        quantize.encode(pixels, block=1, codewords=20),
        quantize.encode(alpha, block=1),
        quantize.encode(np.full((30, 30, 3), 90, np.uint8), block=2),
        quantize.encode(pixels, profile="multiresolution", quality=80),
        quantize.encode(alpha, profile="multiresolution", tune="ssim"),
        quantize.encode(pixels[..., :1], profile="multiresolution", quality=30),
    ]


def answer_to(worker, data, seconds=LONGEST_S):
    path = worker.folder / "mutated.vqi"
    path.write_bytes(data)
    return worker.ask(path, seconds)


def failures(worker, originals, seed, n_files):
    # The first file has the kernels compiled, or loaded.
    for data in originals:
        assert answer_to(worker, data, 300)["outcome"] == "decoded"
    rng = random.Random(seed)
    found = []
    for number in range(n_files):
        original = rng.choice(originals)
        mutate = rng.choice(MUTATIONS)
        answer = answer_to(worker, mutate(original, rng))
        good = str(zlib.crc32(quantize.decode(original).tobytes())) if answer["outcome"] == "decoded" else ""
        fine = answer["outcome"] == "refused" or (answer["outcome"] == "decoded" and answer["detail"] == good)
        if not fine or answer["megabytes"] > MOST_MEGABYTES:
            found.append(f"file {number}, {mutate.__name__}: {answer}")
    return found


@pytest.mark.slow
@compiled_only
def test_a_few_mutated_files(worker, originals):
    found = failures(worker, originals, 0, 150)
    assert not found, "\n".join(found)


@compiled_only
@pytest.mark.slow
def test_mutated_files(worker, originals):
    seed = int(os.environ.get("QUANTIZE_FUZZ_SEED", int.from_bytes(os.urandom(4), "little")))
    print(f"seed {seed}, {N_FILES} files")
    found = failures(worker, originals, seed, N_FILES)
    assert not found, "\n".join(found)
