"""A plan of no change over 1,000 hosts with 10,000 instances: `python -m tests.scale` prints what it costs, and an instance's share of it.

Hosts are in memory, and what they answer is written down before: no host's time or memory is in the figures. To make them takes some minutes. Each
plan is one of a process of its own, after another of one instance, for what Python does only once.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from orchestrator import main as command
from tests.scale import world

SECONDS, MEMORY, RATIO = 10, 500, 1.3
"""Targets: of one core; MiB; how much more an instance may cost than in a plan of a hundred."""
ROUNDS = 5


def _child(verb: str, folder: Path, hosts: int, each: int) -> str:
    argv = [sys.executable, "-m", "tests.scale", "--verb", verb, "--folder", str(folder), "--hosts", str(hosts), "--each", str(each)]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def _one(folder: Path, hosts: int, each: int) -> None:
    """Print what one plan costs: seconds of CPU, and the whole process's memory at most, MiB. Garbage is looked for as the command does."""
    gc.set_threshold(command.GARBAGE)
    for path, many, several in ((folder / "1x1", 1, 1), (folder / f"{hosts}x{each}", hosts, each)):
        known = world.known(path, many, several)
        start = time.process_time()
        known.plan()
        seconds = time.process_time() - start
        known.close()
    print(json.dumps({"seconds": seconds, "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _measured(folder: Path, hosts: int, each: int, rounds: int) -> tuple[float, float]:
    """Seconds and MiB, medians."""
    if not (folder / f"{hosts}x{each}").exists():
        _child("make", folder / f"{hosts}x{each}", hosts, each)
    costs = [json.loads(_child("plan", folder, hosts, each)) for _ in range(rounds)]
    return statistics.median(cost["seconds"] for cost in costs), statistics.median(cost["memory"] for cost in costs)


def _print(folder: Path, hosts: int, each: int) -> None:
    _measured(folder, 1, 1, 1)
    small, _ = _measured(folder, 10, 10, ROUNDS)
    large, memory = _measured(folder, hosts, each, ROUNDS)
    share, shares = 1000 * small / 100, 1000 * large / (hosts * each)
    print(f"{hosts} hosts, {hosts * each} instances, a plan of no change (medians of {ROUNDS})")
    print(f"CPU       {large:8.1f} s    at most {SECONDS}")
    print(f"memory    {memory:8.0f} MiB  at most {MEMORY}")
    print(f"instance  {shares:8.2f} ms   {shares / share:.2f} of the {share:.2f} ms in a plan of 100, at most {RATIO}")


def main() -> None:
    """Make the hosts and print the table; in children one part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--verb", choices=("make", "plan"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help="where the hosts are kept, to be measured again without being made again")
    parser.add_argument("--hosts", type=int, default=1000)
    parser.add_argument("--each", type=int, default=10, help="instances on each host")
    given = parser.parse_args()
    if given.verb == "make":
        world.make(given.folder, given.hosts, given.each)
    elif given.verb == "plan":
        _one(given.folder, given.hosts, given.each)
    elif given.folder:
        _print(given.folder, given.hosts, given.each)
    else:
        with tempfile.TemporaryDirectory() as folder:
            _print(Path(folder), given.hosts, given.each)


if __name__ == "__main__":
    main()
