"""Renames on Windows, as far as they can be tried elsewhere."""

import pytest

from clustering import rename_when_free
from clustering.renaming import WAITS_S


@pytest.mark.parametrize("winerror", [5, 32])
@pytest.mark.parametrize(("times", "n_tries"), [(0, 1), (3, 4), (1000, len(WAITS_S) + 1)])
def test_a_place_that_is_held_for_a_moment_is_tried_again(winerror, times, n_tries, tmp_path, monkeypatch):
    tries = []

    def rename(place):
        tries.append(place)
        if len(tries) <= times:
            error = PermissionError(13, "The process cannot access the file")
            error.winerror = winerror
            raise error

    monkeypatch.setattr("clustering.renaming.time.sleep", lambda wait_s: None)
    if times < 1000:
        rename_when_free(rename, tmp_path)
    else:
        with pytest.raises(PermissionError):
            rename_when_free(rename, tmp_path)
    assert tries == [tmp_path] * n_tries


def test_a_missing_permission_is_reported_at_once(tmp_path):
    tries = []

    def refused(place):
        tries.append(place)
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        rename_when_free(refused, tmp_path)
    assert len(tries) == 1
