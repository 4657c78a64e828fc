"""Decompress `.csv.gz` files and discard the result. Usage: `python -m benchmarks.decompress FOLDER`."""

import gzip
import sys
from pathlib import Path

BLOCK_BYTES = 16 * 1024 * 1024

if __name__ == "__main__":
    for path in Path(sys.argv[1]).glob("*.csv.gz"):
        with gzip.open(path) as stream:
            while stream.read(BLOCK_BYTES):
                pass
