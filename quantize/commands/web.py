"""Write what web pages need to show .vqi images."""

import os
from pathlib import Path

from quantize.commands.printing import Run, print_json
from quantize.errors import OutputError
from quantize.output import exists, write_file
from quantize.report.decoder import decoder_files


def write_decoder(folder: Path, run: Run) -> None:
    """Write the decoder for browsers into a folder; a file that is there already is replaced with --force only."""
    if os.path.exists(folder) and not os.path.isdir(folder):
        raise OutputError(f"{folder}: is a file; name a folder with --web")
    contents = {folder / name: data for name, data in decoder_files().items()}
    for place, data in contents.items():
        if not run.force and os.path.exists(place) and not _has(place, data):
            raise exists(place, "--web")
    for place, data in contents.items():
        write_file(place, data, overwrite=True, option="--web")
    if run.as_json:
        print_json([{"output": str(place)} for place in contents], [])
    elif not run.quiet:
        print(f'{", ".join(str(place) for place in contents)}: <script type="module" src="vqi.js"></script>')


def _has(place: Path, data: bytes) -> bool:
    try:
        return place.read_bytes() == data
    except OSError:
        return False
