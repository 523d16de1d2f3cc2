"""What a sequence parameter set of H.264 says (Rec. ITU-T H.264, 7.3.2.1.1) of how many pictures others refer to."""

from keyframes.video.containers.sample_table import UnusualFileError

# Profiles whose sets say more of colours (7.3.2.1.1.1).
_OF_COLORS = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))
_SEPARATE_PLANES = 3
_MOST_BYTES = 256
_MOST_ZEROS = 31
_MOST_IN_CYCLE = 255


def most_references(parameters: bytes) -> int:
    """Return the number of reference frames of a sequence parameter set, a unit with its header."""
    bits = _Bits(parameters[1:_MOST_BYTES].replace(b"\x00\x00\x03", b"\x00\x00"))
    profile = bits.number(8)
    bits.number(16)
    bits.code()
    if profile in _OF_COLORS:
        if bits.code() == _SEPARATE_PLANES:
            bits.number(1)
        bits.code()
        bits.code()
        if bits.number(2) & 1:
            raise UnusualFileError("it has scaling lists")
    bits.code()
    order = bits.code()
    if order == 0:
        bits.code()
    elif order == 1:
        bits.number(1)
        bits.code()
        bits.code()
        for _ in range(min(bits.code(), _MOST_IN_CYCLE)):
            bits.code()
    return bits.code()


class _Bits:
    """Reads bits of some bytes, the highest of each first."""

    def __init__(self, data: bytes) -> None:
        self._bits = "".join(f"{byte:08b}" for byte in data)
        self._place = 0

    def number(self, n_bits: int) -> int:
        """Return the number that the next bits are."""
        self._place += n_bits
        if self._place > len(self._bits):
            raise UnusualFileError("parameters are cut off")
        return int(self._bits[self._place - n_bits : self._place], 2)

    def code(self) -> int:
        """Return a number that is written with as many zeros before it as it has bits but one (9.1)."""
        n_zeros = self._bits.find("1", self._place) - self._place
        if not 0 <= n_zeros <= _MOST_ZEROS:
            raise UnusualFileError("parameters are damaged")
        return self.number(2 * n_zeros + 1) - 1
