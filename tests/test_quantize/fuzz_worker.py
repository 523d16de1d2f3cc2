"""Decodes the files that stand on standard input, in a process that may die of them without harm.

A case is one line, the path of a file; so is its answer, in JSON: `{"outcome": …, "detail": …, "megabytes": …}`, where
the outcome is "decoded" with the CRC-32 of the pixels as the detail, "refused" (an error of ours) or "crash" (any
other exception), and then the most memory that the process has ever had.
"""

import json
import resource
import sys
import traceback
import zlib
from pathlib import Path

import quantize


def outcome(path):
    try:
        return "decoded", str(zlib.crc32(quantize.decode(Path(path).read_bytes()).tobytes()))
    except quantize.QuantizeError as error:
        return "refused", str(error)
    except Exception:  # whatever it is, the parent reports it as a crash
        return "crash", traceback.format_exc()


def peak_megabytes():
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    # The other figure is never below what the parent had when it started this process.
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


def main():
    for line in sys.stdin:
        name, detail = outcome(line.strip())
        print(json.dumps({"outcome": name, "detail": detail, "megabytes": peak_megabytes()}), flush=True)


if __name__ == "__main__":
    main()
