r"""The container: files that end in ``.vqi`` (an image) or ``.vqc`` (a codebook for many images).

All numbers are unsigned and big-endian unless stated otherwise. A file is a signature of eight bytes and then chunks up
to its end; nothing follows the last one.

::

    signature   89 56 51 49 0D 0A 1A 0A   "\x89VQI\r\n\x1a\n"; of a codebook "\x89VQC\r\n\x1a\n"
                the first byte is not ASCII, and the line ends show what a transfer as text would do, as in PNG
    chunk       length of the data (4 bytes), type (4 letters), data, CRC-32 of type and data (4 bytes)

A reader skips a chunk that it does not know if its type begins with a small letter; any other unknown chunk is an
error. The chunks of an image come in the order below; those marked ? may be missing.

::

    HEAD    version (1 byte): 3 if there is a chunk BASE, 2 if there is LEVL, otherwise 1
            profile (1): 1 palette, 2 block, 3 multi-resolution
            channels (1): 1 gray, 2 gray and alpha, 3 red green blue, 4 these and alpha
            height, width (4 each): 1 and more
    iccp ?  colour profile; exif ?; xmpp ?; pngc ?, chunks of a PNG file (gAMA, cHRM, cICP, sRGB, pHYs, tEXt, zTXt,
            iTXt) as they are in the PNG file: metadata, compressed with zlib; at most 16 MiB each when unpacked

    Palette
    PLTE    entries, 1 to 256, of 4 bytes each: red, green, blue, alpha
    INDX    an index for each pixel, row by row: a symbol stream of as many bits as the largest index needs, 1 at least

    Block
    BLCK    side of the finest blocks (1): 2, 4 or 8
            subsampling (1): 0 for 4:4:4, 1 for 4:2:0
            step (4), 1 to 2**24: 512 for each gray level
    BOOK    codebooks: see below; or
    HASH    SHA-256 of the BOOK data of the .vqc file that is needed (32)
    SCAL    streams of some scales, as often as it takes, coarse to fine: of each stream its length and itself; a length
            is 7 bits a byte, least significant first, all but the last byte with the top bit set
    ALPH ?  of images with alpha: a symbol stream of 8 bits, without loss; missing where there is none

    Multi-resolution
    ALPH ?  as above
    BASE    parameters, see below, and one stream: the coarsest planes; if there is a map of steps, its classes, as a
            symbol stream of 4 bits, one for each 16 x 16 pixels of the padded image; the levels of the base, coarse to
            fine
    BAND    streams of a level, as often as there are further levels, coarse to fine: of each stripe its length, as
            above, and itself

    Multi-resolution, before version 3
    MRES    which codebooks and models (1): 1, those of `known.npz`, or 2 and 3, those of `known2.npz`
            steps of luma and of chroma (4 each), 64 to 65,536 and to 262,144: 256 for each gray level
            of colour images: the matrix (2 each, with a sign, nine), row by row, in 4,096ths
    LEVL ?  weights of the steps (1 each), 1 to 255, in 64ths: for each level, finest first, that of luma, of colour
            images that of chroma, and, with models 2, that of details in both directions; without, all are 64
    CELL ?  the map of steps, a symbol stream; without, all classes are 8
    ALPH ?  as above
    COAR    the coarsest planes: a stream
    BAND    as above, as often as there are levels

    TAIL    CRC-32 of the decoded pixels (4): height x width x channels bytes, row by row

**Streams.** A stream is what the arithmetic coder of `quantize.entropy.kernels.coder` writes: 32-bit interval,
decisions whose probability is mixed from six contexts, of the block profile's bands from three. The decoder takes bytes
after the end as zeros, and must have read three at most. Symbol streams code each number digit by digit
(`quantize.entropy.kernels.symbols`); lists and the coarsest planes code differences and counts as number of digits,
sign and digits (`quantize.entropy.kernels.numbers`).

**Codebooks.** For luma and chroma, and for 2 x 2 blocks and the finest ones if larger, in the order luma 2, luma B,
chroma 2, chroma B (chroma only if there are three planes): a list of 26 numbers, how many codewords have a path of 0
to 25 decisions; then a list of B * B - 1 numbers each, the codewords, those of short paths first. A codeword is a B x
B block of differences in eighths of a step; the last one is such that all add up to 0. Each list is preceded by the
length of its stream. The paths are those of the canonical code of these lengths: the next codeword's path follows the
one before, as binary fractions do.

**Planes.** Gray images have one plane, others luma Y, and chroma Cb and Cr. Samples are 256ths of a gray level, whole
numbers; chroma is 0 at 128 gray levels. A plane of scale s has one sample for each 2**s x 2**s pixels, rounded up at
the edges. There are scales 0 to T: T is the least that makes the longer side of the plane 8 or less (the number of
binary digits of (longer side - 1) // 8), but not less than log2(B), and one more with 4:2:0. The planes of scale T are
coded as whole multiples of min(512, max(64, step >> T) // 4), in the order Y, Cb, Cr; each number is coded as
its difference from the median of west, north, and west + north - northwest.

Then for each scale s from T down to 1 come the streams of luma and, of colour images, those of both chroma planes, if
they have something to code: one, or, if the coarser plane has 8 rows and 2**13 samples or more, two, or from 2**18
samples on four, each for a stripe of rows. Stripe i of n begins at row (rows * i // n) & ~1. What is north or south of
a stripe counts as zero in its contexts, and its slopes end at its edges. Stripes learn independently of each other,
from scale to scale; a new one begins with what the first one has learnt. The band of a plane that begins at s leads to
the scale s - 1, except that the last one of a plane leads over log2(B) scales to its end, 0, or 1 for chroma with
4:2:0. It has a block of samples of the finer plane for each sample of the coarser one. These are predicted by halving
the distance of the samples log2(side of the block) times: from a sample m with its neighbours west, east, north, south
and between them (those beyond the edge repeat it), its four are

::

    m + ((8 (west - east) + 8 (north - south) + (northwest - northeast - southwest + southeast) + 32) >> 6)

for the upper left one, with the signs of the first and the last term reversed for the right ones, of the second and the
last term for the lower ones. To each predicted sample is added (v * d + 8) >> 4, where d = max(64, step >> scale of the
finer plane), and v the sum of the block's codewords, each times 3 to the power of its stage; the result is clipped to
-65,536 to 131,072. `quantize.block.kernels.vectors` describes how the decisions are made. With 4:2:0 the last chroma
planes are predicted once more.

**Colour.** With y, b, r the samples, b and r less 32,768, the result is clipped to 0 to 255 and each >> rounds down:

::

    red   = (16384 y + 22970 r + 2097152) >> 22
    green = (16384 y - 5638 b - 11700 r + 2097152) >> 22
    blue  = (16384 y + 29032 b + 2097152) >> 22
    gray  = (y + 128) >> 8

All of this is computed in whole numbers: a file gives the same pixels on every machine.

**Multi-resolution.** There are as many levels as the shorter side, in eights, has binary digits, less one, but 1 at
least and 6 at most. Planes are padded on the right and below to a multiple of 2**levels. Samples are 8ths of a gray
level, 16 bits with a sign, and clipped to these at every step. A level's inverse transform takes the coarse plane and
the vectors (high across, high down, high in both directions) of the places in it; these four are a sample each of the
four quarters, whose columns and then rows are put back together: samples of the low part have even numbers, those of
the high part odd ones; each sample x with neighbours l and r (mirrored at the ends) becomes

::

    even x - ((1817 (l + r) + 2048) >> 12), then odd x - ((3616 (l + r) + 2048) >> 12),
    even x - ((-217 (l + r) + 2048) >> 12), then odd x - ((-6497 (l + r) + 2048) >> 12)

The parameters in BASE are: which codebooks and models (1), as in MRES; steps of luma and of chroma, as numbers of 7
bits a byte like the lengths, in the ranges there, of gray images as well; flags (1): the colour matrix (1, that of
JPEG, 2, that of opponent colours, both in MATRICES of `quantize.multiresolution.parameters`, or 0; of gray images 0), 4
if there is a map, and 8 times the number of rows of weights, no more than there are levels; of colour images with
matrix 0, the matrix as in MRES; the rows of weights, as in LEVL with those of details in both directions, of which the
last one serves all further levels. Without rows, all weights are 64; without a map, all classes are 8.

The levels of the base are those from the coarsest one to the third that have 1,024 places at most; each is coded as one
stripe. The other levels come in several stripes, see below. Before version 3, the base had no levels. The three parts
of the stream share the interval of the coder alone: the coarsest planes and the map learn as they do elsewhere,
whatever the models. Of each level, or of each stripe of it, all vectors of luma come before those of chroma.

The coarsest planes are whole multiples of max(1, step C * 8 >> 24), with the step of luma, or from version 3 on, for
chroma, the larger one of this and half the step of chroma, rounded down; they are coded like the coarsest planes above.
The vectors of luma have three components, those of chroma six, three of either plane. A component of v 16ths of a step
is (v S + 65536) >> 17 before its sign, with S = W D F >> 16, at least 1, and W = step L >> 6, at least 1, where L is
the weight of the level; for details in both directions, D is first multiplied by their weight, and >> 6. C, D and F are
the tables COARSE_STEPS, DETAIL_STEPS and STEP_FACTORS of `quantize.multiresolution.layout`: by level, by level and
direction, and by class; the class of a vector is that of the pixel at its upper left corner.
`quantize.multiresolution.kernels.details` describes how the decisions are made, and what they are seen together with is
in `quantize.multiresolution.kernels.surroundings`.

With k = max(1, 16 >> levels), a level has as many stripes of rows as the image has times 180,000 pixels, but 1 at least
and 16, or the rows of the coarsest planes // k, at most; stripe i of n begins at row (coarsest rows * i // n) & -k of
these, times what each has become. Stripes learn independently of each other, luma and chroma apart, from level to
level, and begin with what the base has learnt, or, where there is none, what the models hold. Models 2 and 3 learn
faster: weights at twice the pace, and a cell counts 127 uses at most, not 250. With models 3, the cell of the total
alone gives the probability that a vector is zero where twice what is near, three times what is above, and half of what
is beside, rounded down, add up to 0: its upper 16 bits, clipped to 16 to 65,520. It counts 16 uses at most there. What
is north or south of a stripe counts as zero, but for the parents of vectors that are in the base.

A picture of level N, 2**N times smaller, is made of the coarse planes of that level, each sample s taken as (s G +
32768) >> 16, with G of LOW_GAINS by level. Colours are (128 << 15) + 2**14 + the matrix times the samples, >> 15,
clipped to 0 to 255; the matrix of gray is 4,096.

A codebook file has the chunks HEAD, with version (1), side of the finest blocks (1) and subsampling (1), then BOOK, for
three planes.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from quantize.errors import ContainerError, check

IMAGE_SIGNATURE = b"\x89VQI\r\n\x1a\n"
BOOK_SIGNATURE = b"\x89VQC\r\n\x1a\n"
VERSION = 1
# Version 2 added LEVL, 3 BASE. A file without these stays readable for older programs.
VERSION_WITH_BASE = 3
PROFILES = ("palette", "block", "multiresolution")
CHUNK_KINDS = b"PLTE INDX BLCK BOOK HASH SCAL ALPH BASE BAND MRES LEVL CELL COAR".split()
METADATA = {"exif": b"exif", "icc": b"iccp", "png": b"pngc", "xmp": b"xmpp"}
MOST_METADATA = 16 << 20


@dataclass(frozen=True)
class Container:
    """An image file, taken apart.

    Attributes
    ----------
    profile : str
    channels, height, width : int
    chunks : list of (bytes, bytes)
        Type and data of the chunks between HEAD and TAIL, but for the metadata.
    checksum : int
        CRC-32 of the decoded pixels.
    metadata : dict of str to bytes
    """

    profile: str
    channels: int
    height: int
    width: int
    chunks: list[tuple[bytes, bytes]]
    checksum: int
    metadata: dict[str, bytes]

    @property
    def n_planes(self) -> int:
        """Planes of colour: 1 (gray) or 3."""
        return 1 if self.channels < 3 else 3

    def all(self, kind: bytes) -> list[bytes]:
        """Return the data of all chunks of a type."""
        return [data for found, data in self.chunks if found == kind]

    def one(self, kind: bytes) -> bytes:
        """Return the data of the only chunk of a type; ContainerError where there is none, or more than one."""
        found = self.all(kind)
        check(len(found) == 1, f"has {len(found)} chunks {kind.decode()} and should have one")
        return found[0]


def pack(
    profile: str, pixels: NDArray[np.uint8], chunks: list[tuple[bytes, bytes]], metadata: dict[str, bytes]
) -> bytes:
    """Bytes of an image file whose chunks decode to these pixels (height, width, n_channels)."""
    height, width, channels = pixels.shape
    version = VERSION_WITH_BASE if any(kind == b"BASE" for kind, _ in chunks) else VERSION
    head = struct.pack(">BBBII", version, PROFILES.index(profile) + 1, channels, height, width)
    packed = [(b"HEAD", head)]
    for name, data in sorted(metadata.items()):
        if len(data) > MOST_METADATA:
            raise ContainerError(f"{name} has {len(data)} bytes, more than {MOST_METADATA}; leave it out with --strip")
        packed.append((METADATA[name], zlib.compress(data, 9)))
    packed += [*chunks, (b"TAIL", struct.pack(">I", zlib.crc32(pixels.data)))]
    return IMAGE_SIGNATURE + b"".join(chunk(kind, data) for kind, data in packed)


def unpack(data: bytes, max_pixels: int, may_be_cut: bool = False) -> Container:
    """Take an image file apart, or what is there of one that ends too early and may; its checksum is 0 then.

    ContainerError where it is damaged, of a later version, or has more than `max_pixels` pixels.
    """
    chunks = list(_chunks(data, IMAGE_SIGNATURE, ".vqi", may_be_cut))
    profile, channels, height, width = _header(chunks[0], max_pixels)
    if may_be_cut and chunks[-1][0] != b"TAIL":
        chunks.append((b"TAIL", bytes(4)))
    if chunks[-1][0] != b"TAIL" or len(chunks[-1][1]) != 4:
        raise ContainerError("ends without its last chunk; the file is cut off, copy or download it again")
    metadata, others = {}, []
    names = {kind: name for name, kind in METADATA.items()}
    for kind, body in chunks[1:-1]:
        if kind in names:
            metadata[names[kind]] = _inflated(body)
        elif not kind[:1].islower():
            check(kind != b"HEAD", "has a second chunk HEAD")
            if kind not in CHUNK_KINDS:
                raise ContainerError(f"has a chunk {kind.decode()} that this program does not know; update quantize")
            others.append((kind, body))
    checksum = int.from_bytes(chunks[-1][1], "big")
    return Container(profile, channels, height, width, others, checksum, metadata)


def read_head(file: IO[bytes]) -> bytes:
    """Read an image file as far as its header and metadata go, and at most eight bytes more.

    `unpack` takes it as a file that is cut off.
    """
    data = file.read(len(IMAGE_SIGNATURE))
    while True:
        start = file.read(8)
        length, kind = int.from_bytes(start[:4], "big"), start[4:]
        # Whatever claims to be longer is not worth the memory to find out.
        if not (kind == b"HEAD" or kind[:1].islower()) or length > 2 * MOST_METADATA:
            return data
        data += start + file.read(length + 4)


def pack_book(block: int, subsampled: bool, data: bytes) -> bytes:
    """Bytes of a codebook file."""
    return BOOK_SIGNATURE + chunk(b"HEAD", bytes([VERSION, block, subsampled])) + chunk(b"BOOK", data)


def unpack_book(data: bytes) -> tuple[int, bool, bytes]:
    """Side of the finest blocks, subsampling, and BOOK data of a codebook file; ContainerError where it is damaged."""
    chunks = list(_chunks(data, BOOK_SIGNATURE, ".vqc"))
    kinds = [kind for kind, _ in chunks if not kind[:1].islower()]
    head = chunks[0][1]
    if kinds != [b"HEAD", b"BOOK"] or len(head) != 3 or head[1] not in (2, 4, 8) or head[2] > 1:
        raise ContainerError("is not a codebook that this version can read; train one with --train-codebook")
    if head[0] != VERSION:
        raise ContainerError(f"is of version {head[0]}, but this program reads {VERSION}; update quantize")
    return head[1], bool(head[2]), next(body for kind, body in chunks if kind == b"BOOK")


def pack_streams(streams: list[bytes]) -> bytes:
    """Put streams behind each other, each after its length."""
    packed = bytearray()
    for stream in streams:
        packed += pack_number(len(stream)) + stream
    return bytes(packed)


def unpack_streams(data: bytes) -> list[bytes]:
    """Undo `pack_streams`; ContainerError where the lengths do not fit the data."""
    streams, place = [], 0
    while place < len(data):
        length, place = unpack_number(data, place)
        check(place + length <= len(data), "a stream is longer than its chunk")
        streams.append(data[place : place + length])
        place += length
    return streams


def pack_number(number: int) -> bytes:
    """Bytes of a number that is not negative: 7 bits each, least significant first, all but the last one above 127."""
    packed = bytearray()
    while number > 127:
        packed.append(128 | (number & 127))
        number >>= 7
    packed.append(number)
    return bytes(packed)


def unpack_number(data: bytes, place: int) -> tuple[int, int]:
    """Undo `pack_number` from a place on: the number, and the place after it; ContainerError where there is none."""
    number, shift = 0, 0
    while True:
        check(place < len(data) and shift <= 35, "a number does not end")
        byte = data[place]
        place += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return number, place


def chunk(kind: bytes, data: bytes) -> bytes:
    """Bytes of a chunk, which are those of a PNG file's too."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _chunks(data: bytes, signature: bytes, ending: str, may_be_cut: bool = False) -> Iterator[tuple[bytes, bytes]]:
    """Type and data of each chunk; ContainerError where a file has another signature, is damaged, or cut off."""
    if not data.startswith(signature):
        if signature.startswith(data):
            raise ContainerError("ends within its signature; the file is cut off, copy or download it again")
        if data[:4] == signature[:4]:
            raise ContainerError("was damaged by a transfer as text; copy it again as a binary file")
        raise ContainerError(f"is not a {ending} file; give one that quantize wrote")
    place = len(signature)
    if place == len(data):
        raise ContainerError("ends after its signature; the file is cut off, copy or download it again")
    first = place
    while place < len(data):
        length, kind = int.from_bytes(data[place : place + 4], "big"), data[place + 4 : place + 8]
        if place + 12 + length > len(data):
            if may_be_cut and place > first:
                return
            raise ContainerError("ends within a chunk; the file is cut off or damaged, copy or download it again")
        body = data[place + 8 : place + 8 + length]
        check(kind.isalpha() and kind.isascii(), "has a chunk without a type")
        checksum = int.from_bytes(data[place + 8 + length : place + 12 + length], "big")
        check(checksum == zlib.crc32(kind + body), f"the checksum of chunk {kind.decode()} is wrong")
        yield kind, body
        place += 12 + length
        if kind == b"TAIL" and place < len(data):
            left = len(data) - place
            raise ContainerError(
                f"has {left} byte{'s' * (left > 1)} after its end; the file was joined with another, copy or download "
                "it again"
            )


def _header(chunk: tuple[bytes, bytes], max_pixels: int) -> tuple[str, int, int, int]:
    """Profile, channels, height and width."""
    kind, body = chunk
    check(kind == b"HEAD" and len(body) > 0, "does not begin with its header")
    if not VERSION <= body[0] <= VERSION_WITH_BASE:
        raise ContainerError(f"is of version {body[0]}, but this program reads up to {VERSION_WITH_BASE}; update it")
    check(len(body) == 11, "has a header of the wrong length")
    _, profile, channels, height, width = struct.unpack(">BBBII", body)
    if not 1 <= profile <= len(PROFILES) or not 1 <= channels <= 4 or height < 1 or width < 1:
        raise ContainerError("has an invalid header; the file is damaged, or newer than this program")
    if height * width > max_pixels:
        raise ContainerError(f"has {width} x {height} pixels, more than {max_pixels}; allow them with --max-pixels")
    return PROFILES[profile - 1], channels, height, width


def _inflated(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    try:
        found = inflater.decompress(data, MOST_METADATA)
    except zlib.error:
        raise ContainerError(
            "has metadata that cannot be unpacked; the file is damaged, copy or download it again"
        ) from None
    check(inflater.eof and not inflater.unused_data, "has metadata that is incomplete or too large")
    return found
