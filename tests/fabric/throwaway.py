"""A host of namespaces for one test: this machine's kernel and programs, its own devices, processes, /run and /var/lib."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from orchestrator.commands.command import Action, Command, Record
from orchestrator.facts import gather
from orchestrator.model.fabric import Fabric
from orchestrator.states import step as steps

INIT = """
mount -t sysfs sysfs /sys && mount -t tmpfs run /run && mount -t tmpfs lib /var/lib && ip link set dev lo up && echo up
while :; do sleep infinity & wait $!; done  # bash collects orphans, as an init must
"""
ISOLATE = ("unshare", "--net", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc")


class Throwaway:
    """The host, known by its first process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._enter = ("nsenter", f"--target={pid}", "--net", "--mount", "--pid")

    def run(self, *argv: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
        """One command."""
        done = subprocess.run((*self._enter, *argv), input=stdin, capture_output=True, text=True, check=False, cwd="/", env=ENVIRONMENT)
        assert not check or done.returncode == 0, (argv, done.stdout, done.stderr)
        return done

    def wire(self, other: Throwaway, interface: str) -> None:
        """A cable to another host, called so on both."""
        ends = (interface, "netns", str(self.pid)), (interface, "netns", str(other.pid))
        subprocess.run(("ip", "link", "add", "name", *ends[0], "type", "veth", "peer", "name", *ends[1]), check=True)  # noqa: S607

    def sh(self, script: str) -> str:
        """What a shell script says."""
        return self.run("sh", "-ec", script).stdout

    def look(self, keys: Sequence[gather.Key]) -> dict[gather.Key, object]:
        """Facts."""
        done = [self.run(*command.argv, check=False) for command in gather.commands(keys)]
        records = [Record("", n, "done", each.returncode, each.stdout.encode(), each.stderr) for n, each in enumerate(done)]
        return gather.parse(keys, records)

    def perform(self, actions: Sequence[Action]) -> None:
        """Actions, each of which ends well."""
        for action in actions:
            assert isinstance(action, Command)
            done = self.run(*action.argv, stdin=action.stdin, check=False)
            assert done.returncode in action.accepts, (action.argv[3:], done.stdout, done.stderr)

    def ensure(self, fabric: Fabric, *names: str) -> int:
        """Steps planned on what is there, done, looked at again, and found in need of nothing more. Returns how many actions that took."""
        count = 0
        for name in names:
            step = steps.find_fabric(name)
            facts = self.look(step.needs(fabric))
            todo, expected = step.plan(fabric, facts), dict(step.expects(fabric, facts))
            self.perform(todo.actions)
            found = self.look(tuple(expected))
            assert found == expected, f"{name}\n{found}\n{expected}"
            assert step.plan(fabric, self.look(step.needs(fabric))).actions == ()
            assert step.plan(fabric, {**facts, **expected}).actions == ()
            count += len(todo.actions)
        return count


ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


@contextmanager
def host() -> Iterator[Throwaway]:
    """A host, gone at the end with all that runs on it."""
    init = subprocess.Popen((*ISOLATE, "bash", "-c", INIT), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT)
    try:
        assert init.stdout
        assert init.stdout.readline() == "up\n"
        children = Path(f"/proc/{init.pid}/task/{init.pid}/children").read_text().split()
        yield Throwaway(int(children[0]))
    finally:
        init.kill()
        init.wait()
