"""The manifest in Python: asyncio, threads that read, processes that hash.

    python3 pools.py TREE WORKERS

prints the lines of sha256sum, sorted, escaped as coreutils does. Files are read and hashed in
chunks, so that memory stays bounded; a bounded number of files is under way at a time.
"""

import asyncio
import hashlib
import os
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

WHOLE = 4 << 20  # what is read by a thread and sent to a process in one piece


def walk(root):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield path


def read(path):
    """The bytes of a file; None if there are too many to hold."""
    with open(path, "rb") as file:
        data = file.read(WHOLE + 1)
    return data if len(data) <= WHOLE else None


def digest(data):
    return hashlib.sha256(data).hexdigest()


def digest_file(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def line(digest, path):
    name = os.fsencode(path)
    odd = name.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    return (b"\\" if odd != name else b"") + digest.encode() + b"  " + odd + b"\n"


async def main(root, workers):
    loop = asyncio.get_running_loop()
    room = asyncio.Semaphore(4 * workers)
    with ThreadPoolExecutor(workers) as threads, ProcessPoolExecutor(workers) as processes:

        async def one(path):
            async with room:
                data = await loop.run_in_executor(threads, read, path)
                if data is None:
                    return line(await loop.run_in_executor(processes, digest_file, path), path)
                return line(await loop.run_in_executor(processes, digest, data), path)

        paths = sorted(walk(root), key=os.fsencode)
        lines = await asyncio.gather(*(one(path) for path in paths))
    sys.stdout.buffer.write(b"".join(lines))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
