"""Runs one command and writes its exit status, seconds and peak memory to a file.

A process of its own, and a small one: a child's peak memory as the system counts it begins
with that of the process it was forked from.
"""

import json
import os
import sys
import time


def main() -> None:
    """``launch.py RESULT COMMAND…``"""
    result, *command = sys.argv[1:]
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    seconds = time.perf_counter() - start
    with open(result, "w") as file:  # noqa: PTH123 - pathlib would make this process larger
        json.dump([os.waitstatus_to_exitcode(status), seconds, usage.ru_maxrss], file)


if __name__ == "__main__":
    main()
