"""Machines on a bridge of a throwaway host: each a namespace behind a tap of a port's name, that connects, serves, and sends what it likes."""

from __future__ import annotations

import re
from collections.abc import Mapping

from orchestrator.model.instance import Port
from tests.fabric.throwaway import Throwaway

SERVE = """
import socket, sys, threading, time
s = socket.socket(socket.AF_INET6); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(('::', int(sys.argv[1]))); s.listen()
print('up', flush=True)
def talk(c):
    while sys.argv[2] == 'talks':
        c.sendall(b'tick'); time.sleep(0.05)
    while data := c.recv(4096): c.sendall(data)
while True: threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
"""
"""A TCP server of both IP versions, that says again what it hears, or talks by itself."""
CONNECT = """
import socket, sys
try:
    with socket.create_connection((sys.argv[1], int(sys.argv[2])), 0.7) as s: s.sendall(b'hello'); print(s.recv(5).decode())
except OSError as error: print(error)
"""
LISTEN = """
import socket, sys, threading, time
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 3); s.settimeout(None)
def speak():
    while sys.argv[3] != 'talks': s.sendall(b'tick'); time.sleep(0.05)
threading.Thread(target=speak, daemon=True).start()
found = 0; stop = time.monotonic() + 30
while time.monotonic() < stop: found += len(s.recv(4096)); print(found, flush=True)
"""
"""A connection that goes on, and counts what it hears."""
SEND = """
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW); s.bind(('eth0', 0))
for frame in sys.argv[1:]: s.send(bytes.fromhex(frame))
"""
COUNT = """
import socket, sys, select
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3)); s.bind(('eth0', 0)); print('up', flush=True)
found = dict.fromkeys(sys.argv[1:], 0)
while select.select([s], [], [], 0.7)[0]:
    heard = s.recv(4096).hex()
    for mark in found: found[mark] += mark in heard
print(*found.values())
"""


def plug(host: Throwaway, port: Port) -> None:
    """A machine with the port's addresses, called like its tap."""
    four, six = port.fixed_ips
    host.sh(f"""
        ip netns add {port.tap}; ip -n {port.tap} link add {port.tap} type veth peer name eth0
        ip -n {port.tap} link set dev {port.tap} netns $$; ip link set dev {port.tap} master {port.bridge} up
        ip -n {port.tap} link set dev eth0 address {port.mac} up; ip -n {port.tap} link set dev lo up
        ip -n {port.tap} address add {four}/24 dev eth0; ip -n {port.tap} address add {six}/64 dev eth0 nodad
    """)


def _python(where: str, script: str, *arguments: str) -> tuple[str, ...]:
    inside = ("ip", "netns", "exec", where) if where else ()
    return (*inside, "python3", "-c", script, *arguments)


def begin(host: Throwaway, where: str, name: str, script: str, *arguments: str) -> None:
    """A program that goes on; once it has said something, what it says is in /run/NAME. `where`: a namespace, "" for the host itself."""
    text = """n=$1; shift; "$@" >"/run/$n" 2>&1 & for i in $(seq 100); do [ -s "/run/$n" ] && exit; sleep 0.02; done; exit 1"""
    host.run("sh", "-ec", text, "begin", name, *_python(where, script, *arguments))


def serve(host: Throwaway, port: Port, number: int, manner: str = "listens") -> None:
    """A TCP server."""
    begin(host, port.tap, f"server-{port.tap}-{number}", SERVE, str(number), manner)


def connects(host: Throwaway, origin: Port, to: Port, number: int, version: int = 4) -> bool:
    """Whether a TCP connection comes about, and carries something there and back."""
    address = to.fixed_ips[0 if version == 4 else 1]
    return host.run(*_python(origin.tap, CONNECT, address, str(number))).stdout == "hello\n"


def pings(host: Throwaway, origin: Port, to: Port, version: int = 4) -> bool:
    """Whether an echo comes back."""
    address = to.fixed_ips[0 if version == 4 else 1]
    return host.run("ip", "netns", "exec", origin.tap, "busybox", "ping", "-c", "1", "-W", "1", address, check=False).returncode == 0


def listen(host: Throwaway, origin: Port, to: Port, number: int, manner: str = "listens") -> None:
    """A connection that goes on; `heard` tells how much came."""
    begin(host, origin.tap, f"client-{number}", LISTEN, to.fixed_ips[0], str(number), manner)


def heard(host: Throwaway, number: int) -> int:
    """Bytes that came on the connection that listens."""
    return int(re.findall(r"\d+", host.sh(f"cat /run/client-{number}"))[-1])


def counted(host: Throwaway, sender: Port, at: Port, frames: Mapping[str, str]) -> dict[str, int]:
    """Each frame sent three times, with a mark of its own for the `cafe` in it: how often it arrived."""
    marks = {name: f"caf{number:x}" for number, name in enumerate(frames)}
    begin(host, at.tap, "count", COUNT, *marks.values())
    host.run(*_python(sender.tap, SEND, *(frame.replace("cafe", marks[name]) for name, frame in frames.items() for _ in range(3))))
    said = host.sh("while ! [ $(wc -l </run/count) = 2 ]; do sleep 0.05; done; tail -n 1 /run/count")
    return dict(zip(frames, map(int, said.split()), strict=True))
