"""Guests told what to do on their serial consoles, and the frames that reach a device, counted beside the orchestrator."""

from __future__ import annotations

import base64
import contextlib
import os
import re
import select
import subprocess
import sys
import termios
import threading
import time
import tty
import uuid
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from tests.e2e.conftest import Lab, Operator

ANSWERS_AFTER = 15.0  # s that a busy machine may take over what the guest itself does at once
PART = 1000  # characters a line: the guest's terminal takes 4095


class Failed(AssertionError):
    """A command in a guest ended with another exit code than it should; 143 and 137 mean that its time was over."""

    def __init__(self, what: str, code: int, output: str) -> None:
        super().__init__(f"{what} -> {code}\n{output}")
        self.code, self.output = code, output


class Guest:
    """A practice guest, by its instance's name. Its commands go through its console's pty, its words are read from its console's log.

    Any number of them may be at work at once: what a guest prints for one is marked by an id, and the log is only read.
    """

    def __init__(self, operator: Operator, name: str) -> None:
        self.operator, self.name = operator, name
        self._known: dict[str, object] = {}

    @property
    def record(self) -> dict[str, object]:
        """The instance as recorded: its host and uuid are asked for again when it is not found there."""
        if not self._known or not self._log_file.parent.exists():
            self._known = self.operator.instances()[self.name]
        return self._known

    @property
    def _log_file(self) -> Path:
        return self.operator.lab.files(str(self._known["host"])) / f"var/lib/nova/instances/{self._known['uuid']}/console.log"

    @property
    def ports(self) -> list[dict[str, object]]:
        """Its ports as recorded, eth0's first."""
        listed = self.operator.json("get", "ports")
        assert isinstance(listed, list)
        return [each for each in listed if each["instance"] == self.name]

    def run(self, command: str, seconds: int = 20, *, check: bool = True) -> str:
        """What a shell command prints, stderr included, less the last newline. Raises Failed when it fails or takes longer."""
        code, output = self.tried(command, seconds)
        if check and code:
            raise Failed(f"{self.name}: {command}", code, output)
        return output

    def succeeds(self, command: str, seconds: int = 20) -> bool:
        """Whether a shell command ends with exit code 0."""
        return self.tried(command, seconds)[0] == 0

    def tried(self, command: str, seconds: int = 20) -> tuple[int, str]:
        """The exit code of a shell command, and what it prints. The guest kills what takes longer: 143."""
        self.wait_for("GUEST UP")
        record = self.record
        mark = uuid.uuid4().hex[:12]
        text = base64.b64encode(command.encode()).decode()
        parts = (f"part {mark} {text[at : at + PART]}\n" for at in range(0, len(text), PART))
        order = "".join((*parts, f"run {mark} {seconds}\n")).encode()
        end = re.compile(rf"REMOTE {mark} end (\d+) (\d+)\b")
        deadline = time.monotonic() + seconds + ANSWERS_AFTER
        with _typed(self.operator.lab, record, order):
            while not (found := end.search(log := self._log())):
                assert time.monotonic() < deadline, f"{self.name} does not answer {command!r}; its console ends with\n{log[-2000:]}"
                time.sleep(0.05)
        lines = re.findall(rf"REMOTE {mark}\| ([^\n]*)", log)
        assert len(lines) == int(found[2]), f"{self.name}: {found[2]} lines of {command!r} became {len(lines)}\n{log[-4000:]}"
        return int(found[1]), "\n".join(lines)

    def wait_for(self, text: str, seconds: float = 90, boots: int = 1) -> str:
        """The first line of its console that has the text, once there is one; said in its n-th life or later."""
        deadline = time.monotonic() + seconds
        while True:
            log = self._log()
            for line in "".join(log.partition(f"GUEST UP boots={boots} ")[1:]).splitlines():
                if text in line:
                    return line
            assert time.monotonic() < deadline, f"{self.name} did not say {text!r} within {seconds} s; its console ends with\n{log[-2000:]}"
            time.sleep(0.1)

    def address(self, device: str = "eth0", seconds: float = 90, boots: int = 1) -> str:
        """The first address that a device got, once it has one."""
        return self.wait_for(f"NET {device} ", seconds, boots).split()[-1]

    def _log(self) -> str:
        self._known = self.record
        with contextlib.suppress(FileNotFoundError):
            return self._log_file.read_bytes().decode(errors="replace").replace("\r\n", "\n")
        return ""


@contextlib.contextmanager
def _typed(lab: Lab, record: dict[str, object], order: bytes) -> Iterator[None]:
    """Type the order, and stay for what is printed: QEMU reads only while somebody is there, and waits for one who does not read."""
    host = str(record["host"])
    pid = str(lab.hosts[host]["pid"])
    virsh = ("virsh", "-q", "-c", "qemu:///system", "ttyconsole", str(record["uuid"]))
    argv = ("nsenter", "--target", pid, "--mount", "--net", "--pid", *virsh)
    name = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
    handle = os.open(lab.files(host) / name.lstrip("/"), os.O_RDWR | os.O_NOCTTY)
    over = threading.Event()
    reader = threading.Thread(target=_drain, args=(handle, over), daemon=True)
    try:
        tty.setraw(handle, termios.TCSANOW)
        reader.start()
        while order:
            order = order[os.write(handle, order) :]
        yield
    finally:
        over.set()
        reader.join()
        os.close(handle)


def _drain(handle: int, over: threading.Event) -> None:
    while not over.is_set():
        if select.select([handle], [], [], 0.05)[0]:
            try:
                if not os.read(handle, 65536):
                    return
            except OSError:  # EIO: the guest's QEMU has ended
                return


class Frame(Struct, frozen=True):
    """An Ethernet frame that passed a device. `sent`: the device sent it; of a guest's tap, that is what reaches the guest."""

    sent: bool
    data: bytes

    @property
    def destination(self) -> str:
        return self.data[:6].hex(":")

    @property
    def source(self) -> str:
        return self.data[6:12].hex(":")

    @property
    def ethertype(self) -> int:
        return int.from_bytes(self.data[12:14])

    @property
    def payload(self) -> bytes:
        return self.data[14:]


CAPTURE = """
import json, select, socket, sys
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind((sys.argv[1], 3))
print("ready", flush=True)
while True:
    ready = select.select([wire, sys.stdin], [], [])[0]
    if wire in ready:
        data, address = wire.recvfrom(65536)
        print(int(address[2] == socket.PACKET_OUTGOING), data.hex())
    elif ready:
        break
"""


@contextlib.contextmanager
def frames(lab: Lab, host: str, device: str) -> Iterator[list[Frame]]:
    """All frames that pass a host's device meanwhile; the list is filled when the block ends."""
    seen: list[Frame] = []
    argv = ("nsenter", f"--net=/proc/{lab.hosts[host]['pid']}/ns/net", "--", sys.executable, "-c", CAPTURE, device)
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == "ready\n", f"cannot listen on {device} of {host}"
        lines: list[str] = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
        reader.start()
        try:
            yield seen
        finally:
            process.stdin.close()
            reader.join()
            for line in lines:
                sent, data = line.split()
                seen.append(Frame(sent == "1", bytes.fromhex(data)))


def ethernet(source: str, ethertype: int, payload: bytes, destination: str = "ff:ff:ff:ff:ff:ff") -> str:
    """A frame as the guest's command `frame DEVICE HEX` takes it."""
    return (bytes.fromhex((destination + source).replace(":", "")) + ethertype.to_bytes(2) + payload).hex()
