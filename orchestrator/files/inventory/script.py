"""Executable inventories: a program that answers `--list` with JSON, and `--host NAME` when that had no `_meta`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

from orchestrator.files import yaml
from orchestrator.files.inventory import tree
from orchestrator.model.errors import SpecError
from orchestrator.model.mark import Mark

TIMEOUT = 60  # seconds for each call
OUTPUT_LIMIT = 16 << 20  # bytes
STDERR_SHOWN = 2_000  # bytes, the last ones
SECTIONS = ("hosts", "vars", "children")


def is_script(path: Path) -> bool:
    """Whether the file is to be run: executable, and the kernel would know how."""
    if not os.access(path, os.X_OK):
        return False
    with path.open("rb") as stream:
        return stream.read(4).startswith((b"#!", b"\x7fELF"))


def read(path: Path, into: tree.Tree) -> None:
    """Run the program and add what it says to the tree; errors are noted there, a failing program's stderr with them."""
    source = Mark(str(path))
    try:
        answer = _object(_run((str(path), "--list")), f"{path} --list")
        hosts = [host for name, body in answer.items() if name != "_meta" for host in _group(name, body, source, into)]
        known = _known(answer.get("_meta"), source)
        for host in dict.fromkeys(hosts):
            if host in into.hosts:  # not when its name was refused
                variables = _host_variables(path, host) if known is None else known.get(host, {})
                into.hosts[host].update(_variables(variables, f"host {host!r}", source))
    except SpecError as error:
        into.wrong(error)


def _known(meta: object, mark: Mark) -> dict[str, object] | None:
    """Variables by host, when the program told them all at once."""
    if not isinstance(meta, dict) or "hostvars" not in meta:
        return None
    if not isinstance(meta["hostvars"], dict):
        raise SpecError("'hostvars' must be an object", str(mark), "in '_meta' of the program's answer")
    return meta["hostvars"]


def _group(name: str, body: object, mark: Mark, into: tree.Tree) -> tuple[str, ...]:
    """Add a group, and return its hosts. A list is a group's hosts; an object without sections, the variables of a host."""
    into.group(name, mark)
    if not isinstance(body, dict):
        body = {"hosts": body}
    elif not any(section in body for section in SECTIONS):
        body = {"hosts": [name], "vars": body}
    hosts = _names(body.get("hosts", []), f"hosts of group {name!r}", mark)
    for host in hosts:
        into.host(host, name, {}, mark)
    into.set_group(name, _variables(body.get("vars", {}), f"group {name!r}", mark))
    for child in _names(body.get("children", []), f"children of group {name!r}", mark):
        into.child(name, child, mark)
    return hosts


def _names(value: object, what: str, mark: Mark) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SpecError(f"{what} must be a list of names", str(mark))
    return tuple(value)


def _variables(value: object, what: str, mark: Mark) -> tree.Variables:
    if not isinstance(value, dict):
        raise SpecError(f"variables of {what} must be an object", str(mark))
    return {name: yaml.wrap(item, mark) for name, item in value.items()}


def _host_variables(path: Path, host: str) -> dict[str, object]:
    output = _run((str(path), "--host", host))
    return _object(output, f"{path} --host {host}") if output.strip() else {}


def _object(output: bytes, command: str) -> dict[str, object]:
    """The JSON object that a program printed."""
    hint = f"run it by hand: {command}"
    try:
        answer = json.loads(output)
    except RecursionError:
        raise SpecError("the inventory program's answer is nested too deep", command, "", hint) from None
    except ValueError as error:  # JSON and UTF-8 errors are both ValueErrors
        raise SpecError("the inventory program's answer is not JSON", command, str(error), hint) from None
    if not isinstance(answer, dict):
        raise SpecError("the inventory program's answer is not a JSON object", command, "", hint)
    return answer


def _run(argv: tuple[str, ...]) -> bytes:
    """Standard output of the program. Raises SpecError when it fails, takes too long or says too much."""
    command = " ".join(argv)
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True)
        except OSError as error:
            hint = "check its first line (#!) and its rights"
            raise SpecError("the inventory program cannot be run", command, error.strerror or "", hint) from None
        late = threading.Event()
        output = _bounded(process, late)
        errors.seek(max(errors.seek(0, os.SEEK_END) - STDERR_SHOWN, 0))
        said = errors.read().decode(errors="replace").strip()
    if late.is_set():
        raise SpecError("the inventory program did not end", command, f"waited {TIMEOUT} s", said)
    if len(output) > OUTPUT_LIMIT:
        raise SpecError("the inventory program's answer is larger than 16 MiB", command)
    if process.returncode:
        raise SpecError("the inventory program failed", command, f"exit code {process.returncode}", said)
    return output


def _bounded(process: subprocess.Popen[bytes], late: threading.Event) -> bytes:
    """Read the program's output up to the limit; at the time limit, or beyond the size, it is killed with all it started."""

    def stop() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(TIMEOUT, stop)
    timer.start()
    try:
        output = process.stdout.read(OUTPUT_LIMIT + 1) if process.stdout else b""
        if len(output) > OUTPUT_LIMIT:
            _kill(process)
        process.wait()
    finally:
        timer.cancel()
        if process.stdout:
            process.stdout.close()
    return output


def _kill(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
