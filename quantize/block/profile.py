"""The block profile: an image as codewords of its own codebooks, or of shared ones, and back."""

import hashlib
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quantize.block.codebook import BookKey, pack_books, train, unpack_books, worth_training
from quantize.block.coder import Coder
from quantize.block.kernels.planes import FRACTION, to_rgb, to_ycbcr
from quantize.block.pyramid import STEP_UNITS, Layout, collect, halvings
from quantize.container import Container, pack_streams, unpack_book, unpack_streams
from quantize.datatypes import DEFAULT_QUALITY, Codebook, Encoded, Picture, Settings
from quantize.entropy.streams import encode_symbols
from quantize.errors import CodebookError, ImageError, check
from quantize.targets import packed, reach
from quantize.thread_pool import in_parts

# Step in gray levels at a quality of 100, and by how many octaves it grows for each point less.
FINEST_STEP, OCTAVES = 1.5, 0.075
# Chroma is halved only above this step, unless asked for.
FULL_CHROMA_STEP = 20
# Lagrangian weight of a bit, in squared steps.
RATE = 0.15
CODEWORDS = 256
# Search: the base-2 logarithm of the step, in 512ths of a gray level.
LEAST_LOG, MOST_LOG = 6.0, 18.0
TRAINED_OCTAVES = 0.5
# Scales of so few samples share a chunk.
SMALL = 1 << 12


@dataclass(frozen=True)
class SharedBook:
    """Codebooks of a .vqc file, and the SHA-256 of its BOOK data."""

    block: int
    subsampled: bool
    books: dict[BookKey, Codebook]
    digest: bytes


def read_book(data: bytes) -> SharedBook:
    """Take a .vqc file apart."""
    block, subsampled, body = unpack_book(data)
    books = unpack_books(body, book_keys(block, subsampled))
    return SharedBook(block, subsampled, books, hashlib.sha256(body).digest())


def book_keys(block: int, subsampled: bool) -> list[BookKey]:
    """Codebooks of a .vqc file: those that a large image in colour needs."""
    return Layout(1 << 10, 1 << 10, 3, block, subsampled).books


def train_book(pictures: Iterable[Picture], settings: Settings) -> tuple[int, bool, bytes]:
    """Train codebooks on several images: side of the finest blocks, subsampling, and the BOOK data.

    ImageError where there is no image.
    """
    block, subsampled = settings.block or 2, settings.subsampling != "444"
    base = _base_of(settings.quality or DEFAULT_QUALITY)
    found = {key: [np.empty((0, key[1] ** 2), np.float32)] for key in book_keys(block, subsampled)}
    n_pictures = 0
    for picture in pictures:
        n_pictures += 1
        for key, vectors in collect(*_pyramids(picture, block, subsampled), base).items():
            found[key].append(worth_training(vectors, RATE)[0])
    if n_pictures == 0:
        raise ImageError("there is no image to train a codebook on; give a folder with images")
    books = _train_all({key: np.concatenate(parts) for key, parts in found.items()}, settings)
    return block, subsampled, pack_books(books)


def _train_all(vectors: dict[BookKey, NDArray[np.float32]], settings: Settings) -> dict[BookKey, Codebook]:
    """Train codebooks side by side."""
    # Loaded here: a decoder does without.
    from clustering import Workers

    def train_one(key: BookKey) -> Codebook:
        chroma, block = key
        n_codewords = settings.codewords or CODEWORDS
        if chroma:
            n_codewords = max(n_codewords // 2, 2)
        return train(vectors[key], block, n_codewords, RATE, settings.algorithm, settings.seed)

    # Each training holds BLAS to one thread; around them all, so that none lets it go while another one goes on.
    with Workers(1), ThreadPoolExecutor(len(vectors), thread_name_prefix="train") as executor:
        return dict(zip(vectors, executor.map(train_one, vectors), strict=True))


def encode_blocks(picture: Picture, settings: Settings, shared: SharedBook | None = None) -> Encoded:
    """Encode an image in blocks; errors as of `quantize.encode`, and CodebookError where a codebook is for others."""
    encoder = _Encoder(picture, settings, shared)
    start = float(np.log2(_base_of(settings.quality or DEFAULT_QUALITY)))
    return reach(encoder.attempt, picture, settings, start, LEAST_LOG, MOST_LOG)


def decode_blocks(container: Container, shared: SharedBook | None = None) -> NDArray[np.uint8]:
    """Decode the colours (height, width, 1 or 3) of a file; errors as of `quantize.decode`."""
    layout, base = _parameters(container)
    streams = [stream for data in container.all(b"SCAL") for stream in unpack_streams(data)]
    coder = Coder(layout, base, _books_of(container, layout, shared))
    coder.code(streams)
    return _pixels_of(coder.planes)


def describe_blocks(container: Container) -> dict[str, object]:
    """Tell what a file of this profile says of itself."""
    layout, base = _parameters(container)
    return {
        "block": layout.block,
        "subsampling": "420" if layout.subsampled else "444",
        "step": base / STEP_UNITS,
        "codebook": container.one(b"HASH").hex() if container.all(b"HASH") else "its own",
    }


def _parameters(container: Container) -> tuple[Layout, int]:
    """Read the chunk BLCK: the layout of the planes, and the step in 512ths of a gray level."""
    parameters = container.one(b"BLCK")
    block, subsampled, base = parameters[0] if parameters else 0, parameters[1:2], int.from_bytes(parameters[2:], "big")
    good = len(parameters) == 6 and block in (2, 4, 8) and subsampled in (b"\0", b"\1") and 1 <= base <= 1 << 24
    check(good, "has invalid parameters")
    return Layout(container.height, container.width, container.n_planes, block, subsampled == b"\1"), base


def _books_of(container: Container, layout: Layout, shared: SharedBook | None) -> dict[BookKey, Codebook]:
    if not container.all(b"HASH"):
        return unpack_books(container.one(b"BOOK"), layout.books)
    wanted = container.one(b"HASH")
    if shared is None:
        raise CodebookError(f"needs the codebook {wanted.hex()[:16]}; name its file with --codebook")
    if shared.digest != wanted:
        raise CodebookError(
            f"needs the codebook {wanted.hex()[:16]}, and not {shared.digest.hex()[:16]}; name another with --codebook"
        )
    check(set(layout.books) <= set(shared.books), "has blocks that do not fit its codebook")
    return shared.books


def _base_of(quality: int) -> int:
    return round(STEP_UNITS * FINEST_STEP * 2 ** (OCTAVES * (100 - quality)))


def _pixels_of(planes: list[NDArray[np.int32]]) -> NDArray[np.uint8]:
    """Pixels (height, width, 1 or 3) of one plane or three."""
    height, width = planes[0].shape
    if len(planes) == 1:
        return np.clip((planes[0] + 128) >> 8, 0, 255).astype(np.uint8)[..., None]
    pixels = np.empty((height, width, 3), np.uint8)

    def convert(first: int, last: int) -> None:
        luma, blueness, redness = (plane[first:last] for plane in planes)
        to_rgb(luma, blueness, redness, np.empty((3, width), np.uint8), pixels[first:last])

    in_parts(convert, height, width)
    return pixels


def _pyramids(picture: Picture, block: int, subsampled: bool) -> tuple[list[list[NDArray[np.int32]]], Layout]:
    """Pyramids of means of an image's planes, and their layout."""
    pixels = picture.visible_colors()
    height, width, n_channels = pixels.shape
    layout = Layout(height, width, n_channels, block, subsampled)
    planes = np.empty((n_channels, height, width), np.int32)
    if n_channels == 1:
        planes[0] = pixels[..., 0].astype(np.int32) << FRACTION
    else:
        to_ycbcr(pixels, planes)
    return [halvings(plane, layout.top) for plane in planes], layout


def _subsampled(settings: Settings) -> bool:
    """Whether chroma is halved: at its own resolution it costs hardly any bits, but a quarter of the time to decode.

    It limits the PSNR to 35 dB in some images, and gains in none from 20 gray levels a step down.
    """
    if settings.subsampling is not None or settings.block is not None:
        return settings.subsampling != "444"
    untargeted = settings.psnr is None and settings.bpp is None and settings.max_bytes is None
    return untargeted and _base_of(settings.quality or DEFAULT_QUALITY) > FULL_CHROMA_STEP * STEP_UNITS


class _Encoder:
    """Encodes one image at any step."""

    def __init__(self, picture: Picture, settings: Settings, shared: SharedBook | None) -> None:
        self.picture, self.settings, self.shared = picture, settings, shared
        block, subsampled = settings.block or 2, _subsampled(settings)
        if shared is not None:
            if settings.block not in (None, shared.block):
                raise CodebookError(f"the codebook is for blocks of {shared.block}, not {block}; leave out --block")
            if settings.subsampling not in (None, "420" if shared.subsampled else "444"):
                raise CodebookError("the codebook is for another subsampling; leave out --subsampling")
            block, subsampled = shared.block, shared.subsampled
        self.pyramids, self.layout = _pyramids(picture, block, subsampled)
        self.alpha = [(b"ALPH", encode_symbols(picture.pixels[..., -1], 8))] if picture.has_alpha else []
        self.searching = bool(settings.targets) and settings.quality is None
        self.trained: dict[float, tuple[dict[BookKey, Codebook], bytes]] = {}

    def attempt(self, log_base: float, octaves: float = 0.0) -> Encoded:
        """Encode at a step, with the weight of bits raised by so many octaves."""
        base = round(2**log_base)
        books, book_data = self._books(log_base)
        coder = Coder(self.layout, base, books, self.pyramids, RATE * 2**octaves)
        streams = coder.code(None)
        details = {
            "block": self.layout.block,
            "subsampling": "420" if self.layout.subsampled else "444",
            "codewords": sum(len(book.codewords) for book in books.values()),
            "step": base / STEP_UNITS,
        }
        chunks = self._chunks(base, book_data, streams)
        return packed(self.picture, self.settings, "block", _pixels_of(coder.planes), chunks, details)

    def _books(self, log_base: float) -> tuple[dict[BookKey, Codebook], bytes]:
        if self.shared is not None:
            return self.shared.books, b""
        # A search trains once for each half octave: between, what a step gives does not jump.
        place = round(log_base / TRAINED_OCTAVES) * TRAINED_OCTAVES if self.searching else log_base
        if place not in self.trained:
            vectors = collect(self.pyramids, self.layout, round(2**place))
            books = _train_all({key: vectors[key] for key in self.layout.books}, self.settings)
            self.trained[place] = books, pack_books(books)
        return self.trained[place]

    def _chunks(self, base: int, book_data: bytes, streams: list[list[bytes]]) -> list[tuple[bytes, bytes]]:
        parameters = bytes([self.layout.block, self.layout.subsampled]) + base.to_bytes(4, "big")
        chunks = [(b"BLCK", parameters)]
        chunks.append((b"BOOK", book_data) if self.shared is None else (b"HASH", self.shared.digest))
        together: list[bytes] = []
        scales = range(self.layout.top + 1, 0, -1)
        for scale, parts in zip(scales, streams, strict=True):
            together += parts
            height, width = self.layout.shape(max(scale - 1, 0))
            if height * width > SMALL or scale == 1:
                chunks.append((b"SCAL", pack_streams(together)))
                together = []
        return [*chunks, *self.alpha]
