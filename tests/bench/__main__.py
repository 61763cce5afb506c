"""Whole commands side by side with a hand-tuned script, printed as ratios and against their targets: `make bench`.

The two sides work on practice hosts of their own, in turn: whatever else the machine does, it does to both. A first cycle is not counted.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.bench import check, distance, sides
from tests.bench.meter import Cost, HostGroup
from tests.bench.peers import Peer
from tests.bench.sides import Floor, Ours
from tests.bench.table import Table, told
from tests.bench.work import Size, play
from tests.e2e.conftest import Lab, Operator, halting_disk, lab_down, lab_up

NAME = "bench"
CYCLE = (("cold", True), ("noop", True), ("reboot", True), ("delete", False), ("warm", True), ("delete", False), ("single", True))
"""A cycle's phases, and whether the instances are there after each."""
RATIOS = {"cold": 1.10, "warm": 1.10, "noop": 1.3, "reboot": 1.10, "delete": 1.2, "single": 1.3}
TRIPS = {"cold": 6, "warm": 4, "noop": 1, "reboot": 4}
WATCHED = 4
"""Second reads a cycle."""


def machine() -> str:
    model = next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    tools = [
        subprocess.run([tool, "--version"], capture_output=True, text=True, check=True).stdout.split("\n")[0]
        for tool in ("virsh", "qemu-img")
    ]
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return f"{os.cpu_count()} x {model}, {memory:.0f} GiB, Linux {platform.release()}, Python {platform.python_version()}; libvirt {tools[0]}; {tools[1]}; load {load}"


class Pair:
    """Both sides, and what each of their phases cost."""

    def __init__(self, ours: Ours, floor: Floor, one: Size, other: Size) -> None:
        self.ours, self.floor = ours, floor
        self.sizes = {"ours": one, "floor": other}
        self.costs: dict[tuple[str, str], list[Cost]] = defaultdict(list)
        self._turn = 0

    def phase(self, name: str, there: bool, counted: bool) -> None:
        """One after the other; who is first changes."""
        self._turn += 1
        runs = [("ours", self.ours), ("floor", self.floor)]
        for side, run in runs if self._turn % 2 else reversed(runs):
            size = self.sizes[side]
            size = Size(1, size.hosts[:1]) if name.startswith("single") else size
            cost = run("delete" if name == "single-delete" else name, size)
            check.check(self.floor.lab, size, there)
            if counted:
                self.costs[name, side].append(cost)

    def median(self, name: str, side: str, what: str = "seconds") -> float:
        return statistics.median(getattr(cost, what) for cost in self.costs[name, side])


def cycle(pair: Pair, counted: bool) -> None:
    """Every phase once."""
    for name, there in CYCLE:
        pair.phase(name, there, counted)
        if name == "noop" and counted:
            pair.costs["watch", "ours"] += distance.watched(pair.ours, pair.sizes["ours"], WATCHED)
            for key, cost in distance.far(pair.ours, pair.sizes["ours"]).items():
                pair.costs[key, "ours"].append(cost)
        print(".", end="", file=sys.stderr, flush=True)
    pair.phase("single-delete", there=False, counted=False)
    for size in pair.sizes.values():
        sides.forget_images(pair.floor.lab, size.hosts)


def report(pair: Pair) -> Table:
    table = Table()
    for name, most in RATIOS.items():
        table.ratio(name, pair.median(name, "ours"), pair.median(name, "floor"), most)
    table.ratio("noop on kept connections", pair.median("watch", "ours"), pair.median("noop", "floor"), 0.25)
    added = pair.median("far", "ours") - pair.median("near", "ours")
    table.most("20 ms of round trip add to noop, s", added, 0.15)
    hosts, count = len(pair.sizes["ours"].hosts), pair.sizes["ours"].instances
    for name in ("cold", "warm", "noop", "reboot", "delete"):
        each = 0.001 if name == "noop" else 0.006
        table.most(
            f"controller CPU, {name}, s",
            pair.median(name, "ours", "cpu"),
            0.45 + 0.004 * hosts + each * count,
            pair.median(name, "floor", "cpu"),
        )
    for name in RATIOS:
        table.ratio(f"host CPU, {name}", pair.median(name, "ours", "host_cpu"), pair.median(name, "floor", "host_cpu"), 1.05)
    table.most("peak memory, MiB", max(cost.memory for (_, side), costs in pair.costs.items() if side == "ours" for cost in costs), 80)
    for name, most in TRIPS.items():
        table.most(f"round trips a host, {name}", max(pair.ours.trips[name]), most)
    return table


def scale(lab: Lab, folder: Path, image: Path, runs: int) -> Table:
    """Two instances on each of 32 hosts, warm and unchanged: both sides on the same hosts, in turn."""
    size = Size(2 * len(lab.hosts), tuple(lab.hosts))
    group = HostGroup("scale", lab, size.hosts)
    pair = Pair(Ours(Operator(lab, folder), image, group), Floor(lab, image, group), size, size)
    for number in range(runs + 1):
        for side in (pair.ours, pair.floor):
            for name in ("warm" if number else "cold", "noop", "delete"):
                pair.costs[name, "ours" if side is pair.ours else "floor"] += [side(name, size)][: 1 if number else 0]
                check.check(lab, size, there=name != "delete")
                print(".", end="", file=sys.stderr, flush=True)
    table = Table()
    for name in ("warm", "noop", "delete"):
        table.ratio(f"{len(lab.hosts)} hosts x 2, {name}", pair.median(name, "ours"), pair.median(name, "floor"), 1.3)
    return table


def compare_peers(lab: Lab, folder: Path, image: Path, programs: Path) -> None:
    """Print what each peer takes for every phase, once, and the ratio to what the floor takes in turn."""
    one, other = Size(20, tuple(lab.hosts)[:4]), Size(20, tuple(lab.hosts)[4:])
    floor, group = Floor(lab, image, HostGroup("floor", lab, other.hosts)), HostGroup("peer", lab, one.hosts)
    for name in ("pyinfra", "ansible"):
        peer = Peer(name, programs, lab, image, group, folder)
        for phase, there in (*CYCLE, ("single-delete", False)):
            seconds = []
            for run, size in ((peer, one), (floor, other)):
                some = Size(1, size.hosts[:1]) if phase.startswith("single") else size
                seconds.append(run("delete" if phase == "single-delete" else phase, some).seconds)
                check.check(lab, some, there)
            print(told(f"{name}, {phase}", *seconds), flush=True)
        sides.forget_images(lab, tuple(lab.hosts))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=5, help="counted cycles")
    parser.add_argument("--name", default=NAME, help="name of the lab, up to 5 letters")
    parser.add_argument("--scale", action="store_true", help="32 hosts x 2 instances, and nothing else")
    parser.add_argument("--peers", type=Path, metavar="BIN", help="only the peers, whose commands are in this folder")
    return parser.parse_args()


def main() -> None:
    """Make the labs, run the cycles, print the table, take all of it down."""
    given = arguments()
    print(machine(), flush=True)
    lab = lab_up(given.name, 32 if given.scale else 8)
    groups: Iterable[HostGroup] = ()
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            image = halting_disk(folder)
            if given.scale:
                print(scale(lab, folder, image, given.runs).text())
                return
            if given.peers:
                compare_peers(lab, folder, image, given.peers.absolute())
                return
            hosts: Sequence[str] = tuple(lab.hosts)
            one, other = Size(20, hosts[:4]), Size(20, hosts[4:])
            groups = (HostGroup("ours", lab, one.hosts), HostGroup("floor", lab, other.hosts))
            pair = Pair(Ours(Operator(lab, folder), image, groups[0]), Floor(lab, image, groups[1]), one, other)
            play(folder, image, one)
            for number in range(given.runs + 1):
                cycle(pair, counted=number > 0)
            print(report(pair).text())
    finally:
        lab_down(given.name)
        for group in groups:
            group.remove()


if __name__ == "__main__":
    main()
