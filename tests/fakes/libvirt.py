"""Domains: virsh 9.0 with -q, its outcomes and its words."""

from __future__ import annotations

import functools
import itertools
import posixpath
import re
import shlex
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Callable
from xml.sax.saxutils import escape

from orchestrator.facts import others
from orchestrator.facts.domain import SPLIT, URI
from orchestrator.states.steps.updating import plug_interfaces
from tests.fakes import coreutils, disks, iproute, volumes
from tests.fakes.state import Directory, Domain, File, Link, Result, State, UnknownError, failed

HANGS = 124  # what is left of who waits for what stands still
LIBRARIES = "Compiled against library: libvirt 9.0.0\nUsing library: libvirt 9.0.0\nUsing API: QEMU 9.0.0\n"


def virsh(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if argv[1:4] != ("-q", "-c", URI):
        raise UnknownError
    if len(argv) == 5:
        results = [_command(state, tuple(shlex.split(part)), b"") for part in argv[4].split(";")]
        if any(each.code == HANGS for each in results):
            return Result(HANGS)
        return Result(results[-1].code, b"".join(each.out for each in results), b"".join(each.err for each in results))
    return _command(state, argv[4:], stdin)


def _command(state: State, words: tuple[str, ...], stdin: bytes) -> Result:
    match words:
        case ("echo", text):
            return Result(0, text.encode())  # no newline, with -q
        case ("list", *options):
            return Result(0, _list(state, frozenset(options)).encode())
        case (word,) if word in SAYS:
            return Result(0, SAYS[word](state).encode())
        case ("define", "--file", path):
            return _define(state, path)
        case ("undefine", "--domain", name, "--keep-nvram"):
            return _found(state, name, _undefine)
        case ("dumpxml", "--inactive", name):
            return _found(state, name, _dumpxml)
        case ("domstate", name) | ("domstate", "--domain" | "--reason", name):
            more = "--reason" in words
            return _found(state, name, lambda state, domain: Result(0, f"{domain.state}{f' ({domain.reason})' * more}\n".encode()))
        case ("blockresize", "--domain", name, "--path", path, "--size", size) if path.startswith("/"):
            return _found(state, name, lambda state, domain: _blockresize(state, domain, path, int(size.removesuffix("B"))))
        case (verb, "--domain", name) if verb in VERBS:
            return _found(state, name, VERBS[verb])
        case _:
            return _devices(state, words, stdin)


def _devices(state: State, words: tuple[str, ...], stdin: bytes) -> Result:
    match words:
        case ("dumpxml", name):
            return _found(state, name, lambda state, domain: Result(0, _written(domain, domain.live if domain.active else domain.xml)))
        case ("attach-device", "--live", "--domain", name, "--file", "/dev/stdin") if stdin.lstrip().startswith(b"<interface"):
            return _found(state, name, lambda state, domain: _plug(state, domain, stdin))
        case _:
            return _whole(state, words, stdin)


def _whole(state: State, words: tuple[str, ...], stdin: bytes) -> Result:
    """All that there is of a domain."""
    match words:
        case ("dumpxml", "--inactive", "--security-info", name):
            return _found(state, name, _definition)
        case ("dominfo", name):
            return _found(state, name, _dominfo)
        case ("autostart", "--domain", name):
            return _found(state, name, _autostart)
        case ("autostart", "--domain", name, "--disable"):
            return _found(state, name, lambda state, domain: _autostart(state, domain, on=False))
        case ("snapshot-list", name, "--name"):
            return _found(state, name, lambda state, domain: Result())
        case _:
            return volumes.virsh(state, words, stdin, find)


def _capabilities(state: State) -> str:
    """The parts that are read, as libvirt writes them."""
    share, memory = state.vcpus // state.cells, state.memory_mb * 1024 // state.cells
    cells = "".join(
        f"        <cell id='{cell}'>\n          <memory unit='KiB'>{memory}</memory>\n          <cpus num='{share}'>\n"
        + "".join(f"            <cpu id='{number}' socket_id='0'/>\n" for number in range(cell * share, (cell + 1) * share))
        + "          </cpus>\n        </cell>\n"
        for cell in range(state.cells)
    )
    features = "".join(f"      <feature name='{name}'/>\n" for name in state.cpu_features)
    return (
        f"<capabilities>\n\n  <host>\n    <cpu>\n      <arch>{state.arch}</arch>\n      <model>{state.cpu_model}</model>\n"
        f"      <vendor>{state.cpu_vendor}</vendor>\n{features}    </cpu>\n    <topology>\n      <cells num='{state.cells}'>\n{cells}      </cells>\n"
        "    </topology>\n  </host>\n\n</capabilities>\n\n"
    )


SAYS: dict[str, Callable[[State], str]] = {
    "version": lambda state: f"{LIBRARIES}Running hypervisor: QEMU {state.qemu}\n",
    "capabilities": _capabilities,
}


def find(state: State, name: str) -> Domain | None:
    """As virsh looks for a domain: by id, by uuid, by name."""
    known = tuple(state.domains.values())
    names = (
        {each.name: each for each in known}
        | {each.uuid: each for each in known}
        | {str(each.number): each for each in known if each.active}
    )
    return names.get(name)


def _found(state: State, name: str, verb: Callable[[State, Domain], Result]) -> Result:
    domain = find(state, name)
    return verb(state, domain) if domain else failed(f"error: failed to get domain '{name}'")


def _refused(verb: str, domain: Domain, why: str) -> Result:
    return failed(f"error: Failed to {verb} domain '{domain.name}'\nerror: {why}")


def _invalid(verb: str, domain: Domain, why: str) -> Result:
    return _refused(verb, domain, f"Requested operation is not valid: {why}")


def _list(state: State, options: frozenset[str]) -> str:
    if options - {"--all", "--uuid", "--name", "--transient", "--autostart"}:
        raise UnknownError
    active = sorted((domain for domain in state.domains.values() if domain.active), key=lambda domain: domain.number)
    idle = sorted((domain for domain in state.domains.values() if not domain.active), key=lambda domain: domain.name)
    shown = [domain for domain in active if "--transient" not in options or not domain.persistent]
    shown += idle if "--all" in options and "--transient" not in options else []
    shown = [domain for domain in shown if "--autostart" not in options or domain.autostart]
    if options == {"--all", "--autostart", "--uuid"}:
        return "".join(f"{domain.uuid}\n" for domain in shown)
    if options >= {"--uuid", "--name"}:
        return "".join(f"{domain.uuid} {domain.name}\n" for domain in shown)
    if options & {"--name", "--uuid"}:
        return "".join(f"{domain.name if '--name' in options else domain.uuid}\n" for domain in shown)
    rows = [(str(domain.number) if domain.active else "-", domain.name, domain.state) for domain in shown]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(2)]
    return "".join(f" {number:<{widths[0]}}   {name:<{widths[1]}}   {shown}\n" for number, name, shown in rows)


def _define(state: State, path: str) -> Result:
    file = state.file(path)
    if not file:
        return failed(f"error: Failed to open file '{path}': {coreutils.MISSING}")
    head = f"error: Failed to define domain from {path}\nerror: "
    try:
        root = ET.fromstring(file.content)  # noqa: S314  # our own test data
    except ET.ParseError as error:
        return failed(f"{head}(domain_definition):1: {error}")
    name = root.findtext("name") or ""
    identity = root.findtext("uuid") or str(uuid.uuid5(uuid.NAMESPACE_DNS, name))
    taken = state.domains.get(name)
    if taken and taken.uuid != identity:
        return failed(f"{head}operation failed: domain '{name}' already exists with uuid {taken.uuid}")
    other = next((domain for domain in state.domains.values() if domain.uuid == identity and domain.name != name), None)
    if other:
        return failed(f"{head}operation failed: domain '{other.name}' is already defined with uuid {identity}")
    text = file.content.decode()
    if taken:
        taken.xml, taken.persistent = text, True
    else:
        state.domains[name] = Domain(name, identity, text)
    return Result()


def _undefine(state: State, domain: Domain) -> Result:
    if not domain.persistent:
        return _invalid("undefine", domain, "cannot undefine transient domain")
    domain.persistent = domain.autostart = False
    if not domain.active:
        del state.domains[domain.name]
    return Result()


def _dominfo(state: State, domain: Domain) -> Result:
    start = "enable" if domain.autostart else "disable"
    return Result(0, f"Name:           {domain.name}\nAutostart:      {start}\nManaged save:   no\n".encode())


def _autostart(state: State, domain: Domain, on: bool = True) -> Result:
    if not domain.persistent:
        why = "Requested operation is not valid: cannot set autostart for transient domain"
        return failed(f"error: Failed to {'mark' if on else 'unmark'} domain '{domain.name}' as autostarted\nerror: {why}")
    domain.autostart = on
    return Result()


def _dumpxml(state: State, domain: Domain) -> Result:
    """As libvirt writes it: its own order, each on a line of its own; only what others made of the metadata as they made it."""
    return Result(0, _written(domain, domain.xml))


def _written(domain: Domain, xml: str) -> bytes:
    metadata = re.search(r"<metadata>.*?</metadata>", xml, re.DOTALL)
    parts = [f"<name>{escape(domain.name)}</name>", f"<uuid>{domain.uuid}</uuid>", *([metadata[0]] if metadata else []), *_others(xml)]
    return "\n  ".join(["<domain type='qemu'>", *parts]).encode() + b"\n</domain>\n\n"


@functools.lru_cache(64)
def _others(xml: str) -> tuple[str, ...]:
    """What else there is of a domain."""
    root = ET.fromstring(xml)  # noqa: S314  # our own test data
    return tuple(ET.tostring(child, "unicode").strip() for child in root if child.tag not in ("name", "uuid", "metadata"))


def _definition(state: State, domain: Domain) -> Result:
    """All of it; what was given without a line of its own stays so."""
    root = ET.fromstring(domain.xml)  # noqa: S314  # parsed when it was defined
    metadata = re.search(r"  <metadata>.*?</metadata>\n", domain.xml, re.DOTALL)
    rest = [child for child in root if child.tag not in ("name", "uuid", "metadata")]
    lines = "".join(f"  {ET.tostring(child, encoding='unicode').strip()}\n" for child in rest)
    head = f"<domain type='{root.get('type')}'>\n  <name>{escape(domain.name)}</name>\n  <uuid>{domain.uuid}</uuid>\n"
    return Result(0, f"{head}{metadata[0] if metadata else ''}{lines}</domain>\n\n".encode())


def _start(state: State, domain: Domain) -> Result:
    if domain.active:
        return failed("error: Domain is already active")
    root = ET.fromstring(domain.xml)  # noqa: S314  # parsed when it was defined
    why = _cannot_start(state, root) or volumes.unopened(state, root)
    if why:
        return _refused("start", domain, why)
    state.numbers += 1
    domain.state, domain.number, domain.pid = "running", state.numbers, 1000 + state.numbers
    domain.reason = "booted"
    domain.live = domain.xml
    domain.locks = tuple(_source(disk) for disk in _files(root) if disk.find("readonly") is None)
    domain.volumes = {uuid: (device, 1 << 30) for uuid, device in volumes.plugged(root).items()}
    taps = {_tap(state, each, place): _attribute(each, "source", "bridge") for place, each in enumerate(root.iter("interface"))}
    domain.taps = tuple(taps)
    state.links |= {tap: Link("tun", True, bridge) for tap, bridge in taps.items()}
    made = (*(log.attrib["file"] for log in root.iter("log")), *(nvram.text or "" for nvram in root.iter("nvram")))
    for path in made:
        state.files.setdefault(path, File(mode=0o600))
    state.starts[domain.name] = state.starts.get(domain.name, 0) + 1
    return Result()


def _cannot_start(state: State, root: ET.Element) -> str | None:
    """Why not, in the order in which libvirt finds out."""
    for disk in _files(root):
        chain = disks.chain(state, _source(disk))
        missing = next((path for path in chain if not state.file(path)), None)
        if missing == chain[0]:
            return f"Cannot access storage file '{missing}' (as uid:0, gid:0): {coreutils.MISSING}"
        if missing:
            return f"Cannot access backing file '{missing}' of storage file '{chain[0]}' (as uid:0, gid:0): {coreutils.MISSING}"
    for place, interface in enumerate(root.iter("interface")):
        bridge, tap = _attribute(interface, "source", "bridge"), _tap(state, interface, place)
        if bridge not in state.links:
            return f"Cannot get interface MTU on '{bridge}': No such device"
        if tap in state.links:
            return f"Requested operation is not valid: The {tap} interface already exists"
        if state.links[bridge].kind != "bridge":
            return f"Unable to add bridge {bridge} port {tap}: Operation not supported"
    for log in root.iter("log"):
        if not isinstance(state.files.get(posixpath.dirname(log.attrib["file"])), Directory):
            return f"Unable to open file: '{log.attrib['file']}': {coreutils.MISSING}"
    held = disks.written_by(state)
    taken = next((_source(disk) for disk in _files(root) if _source(disk) in held and disk.find("readonly") is None), None)
    return f'internal error: process exited while connecting to monitor: {taken}: Failed to get "write" lock' if taken else None


def _tap(state: State, interface: ET.Element, place: int) -> str:
    """The device that it is to have; one that nobody named gets the next free name of libvirt's own."""
    if interface.find("target") is not None:
        return _attribute(interface, "target", "dev")
    free = (f"vnet{number}" for number in itertools.count() if f"vnet{number}" not in state.links)
    return next(itertools.islice(free, place, None))


def _files(root: ET.Element) -> list[ET.Element]:
    """The disks that are files of the host; an empty drive is none."""
    return [disk for disk in root.iter("disk") if disk.attrib["type"] == "file" and disk.find("source") is not None]


def _source(disk: ET.Element) -> str:
    return _attribute(disk, "source", "file")


def _attribute(element: ET.Element, child: str, name: str) -> str:
    found = element.find(child)
    if found is None:
        raise UnknownError
    return found.attrib[name]


def end(state: State, domain: Domain, reason: str = "crashed") -> None:
    """The QEMU process gone, for whatever reason: its taps with it, and a domain that was not persistent."""
    for tap in domain.taps:
        iproute.remove(state, tap)
    domain.end(reason)
    if not domain.persistent:
        del state.domains[domain.name]


def _destroy(state: State, domain: Domain) -> Result:
    if not domain.active:
        return _invalid("destroy", domain, "domain is not running")
    end(state, domain, "destroyed")
    return Result()


def _shutdown(state: State, domain: Domain) -> Result:
    if not domain.active:
        return _invalid("shutdown", domain, "domain is not running")
    if domain.name not in state.deaf and domain.state == "running":
        end(state, domain, "shutdown")
    return Result()


def _blockresize(state: State, domain: Domain, path: str, size: int) -> Result:
    failure = f"error: Failed to resize block device '{path}'\nerror: "
    if not domain.active:
        return failed(f"{failure}Requested operation is not valid: domain is not running")
    file = state.file(path)
    if path not in domain.locks or not file:
        return failed(f"{failure}invalid argument: disk '{path}' was not found in the domain config")
    disks.grow(file, size)
    return Result()


def _plug(state: State, domain: Domain, xml: bytes) -> Result:
    root = ET.fromstring(xml)  # noqa: S314  # our own test data
    head = "error: Failed to attach device from /dev/stdin\nerror: "
    if not domain.active:
        return failed(f"{head}Requested operation is not valid: domain is not running")
    bridge, tap = _attribute(root, "source", "bridge"), _attribute(root, "target", "dev")
    if bridge not in state.links:
        return failed(f"{head}Cannot get interface MTU on '{bridge}': No such device")
    if tap in state.links:
        return failed(f"{head}Requested operation is not valid: The {tap} interface already exists")
    domain.taps = (*domain.taps, tap)
    state.links[tap] = Link("tun", True, bridge)
    return Result()


def _unplug(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    """The guest lets go of an interface, or, deaf, does not."""
    identity, _, tap, *_ = operands
    domain = find(state, identity)
    if domain is None or not domain.active or domain.name in state.deaf:
        return failed("the guest does not let go of it")
    if tap in domain.taps:
        domain.taps = tuple(each for each in domain.taps if each != tap)
        iproute.remove(state, tap)
    return Result()


def _resume(state: State, domain: Domain) -> Result:
    if domain.state != "paused":
        return _invalid("resume", domain, "domain is already running" if domain.active else "domain is not running")
    domain.state, domain.reason = "running", "unpaused"
    return Result()


def _suspend(state: State, domain: Domain) -> Result:
    if not domain.active:
        return _invalid("suspend", domain, "domain is not running")
    domain.state, domain.reason = "paused", "user"
    return Result()


def everything_else(state: State, operands: tuple[str, ...]) -> Result:
    """facts.others: of each domain whose uuid is not given, what is read of it; directories with a uuid's name that is not given."""
    _, path, *known = operands
    told = [domain for domain in state.domains.values() if domain.uuid not in known]
    transient = "".join(f"{each.uuid}\n" for each in state.domains.values() if not each.persistent)
    parts = [f"{each.state}\n{_dumpxml(state, each).out.decode()}{SPLIT}" for each in told]
    said = f"{transient}{SPLIT}{''.join(parts)}\n" if told else ""
    names = (place.removeprefix(f"{path}/") for place, found in state.files.items() if isinstance(found, Directory))
    listed = (name for name in sorted(names) if re.match(f"{others.UUID}[^/]*$", name) and name not in known)
    return Result(0, f"{said}\n{others.END}\n".encode() + "".join(f"{name}\n" for name in listed).encode())


VERBS: dict[str, Callable[[State, Domain], Result]] = {
    "start": _start,
    "destroy": _destroy,
    "shutdown": _shutdown,
    "resume": _resume,
    "suspend": _suspend,
}
FED: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {plug_interfaces.UNPLUG: _unplug}
PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {"virsh": virsh}


SCRIPTS: dict[str, Callable[[State, tuple[str, ...]], Result]] = {others.SCRIPT: everything_else}
