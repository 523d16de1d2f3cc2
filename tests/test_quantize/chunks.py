"""Files taken apart, and put together with other chunks."""

import struct
import zlib

SIGNATURE = 8


def chunks_of(data):
    """Types and bodies of the chunks."""
    place, found = SIGNATURE, []
    while place < len(data):
        length = struct.unpack_from(">I", data, place)[0]
        found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


def file_of(chunks, signature):
    return signature + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in chunks
    )
