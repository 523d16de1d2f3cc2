"""Pictures in bounded memory."""

from collections import OrderedDict
from collections.abc import Hashable


class KeptPictures:
    """Keeps image files of at most `most_bytes` in all: the one that was asked for least recently goes first.

    The latest one stays, however large it is.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self.n_bytes = 0

    def __contains__(self, key: Hashable) -> bool:
        return key in self._kept

    def __len__(self) -> int:
        return len(self._kept)

    def get(self, key: Hashable) -> bytes:
        """Return a picture; b"" where it is not kept."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key, b"")

    def keep(self, key: Hashable, picture: bytes) -> None:
        """Keep a picture."""
        self.n_bytes += len(picture) - len(self._kept.pop(key, b""))
        self._kept[key] = picture
        while self.n_bytes > self._most_bytes and len(self._kept) > 1:
            _, oldest = self._kept.popitem(last=False)
            self.n_bytes -= len(oldest)
