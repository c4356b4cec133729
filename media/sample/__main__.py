"""`python -m media.sample talk.mp4`: write the sample video."""

import asyncio
import sys
from pathlib import Path

from media.binaries import find_binaries
from media.sample import make_sample

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name the file to write: python -m media.sample talk.mp4")
    asyncio.run(make_sample(Path(sys.argv[1]).absolute(), find_binaries()))
