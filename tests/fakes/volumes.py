"""What volumes rest on: libvirt's secrets, disks of running domains, tgt's targets, images of a Ceph pool, the host's own iSCSI initiator."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable

from orchestrator.drivers.volumes import iscsi
from orchestrator.states.steps.block_device_mapping import connections
from orchestrator.states.steps.updating import plug_volumes
from tests.fakes import coreutils
from tests.fakes.state import Directory, Domain, File, Result, State, Target, UnknownError, failed

VOLUME = re.compile(r"volume-([0-9a-f-]{36})")
ABSENT = "Secret not found: no secret with matching uuid"
NO_TARGET = (
    "iSCSI: Failed to connect to LUN : iscsi_service failed with : iscsi_service_reconnect_if_loggedin. Can not reconnect right now."
)
Find = Callable[[State, str], Domain | None]


def plugged(root: ET.Element) -> dict[str, str]:
    """Volumes by id among the disks of a domain, and what it calls them."""
    found = {}
    for disk in root.iter("disk"):
        identity = VOLUME.search(_where(disk))
        target = disk.find("target")
        if identity and target is not None:
            found[identity[1]] = target.attrib["dev"]
    return found


def unopened(state: State, root: ET.Element) -> str | None:
    """Why a disk cannot be opened."""
    return missing_secret(state, root) or unreachable_target(state, root)


def missing_secret(state: State, root: ET.Element) -> str | None:
    """Why a disk cannot be opened: nobody knows its password."""
    wanted = (secret.attrib["uuid"] for secret in root.iter("secret"))
    lost = next((uuid for uuid in wanted if uuid not in state.secrets), None)
    return f"{ABSENT} '{lost}'" if lost else None


def unreachable_target(state: State, root: ET.Element) -> str | None:
    """Why a disk cannot be opened: this very host offers no such target at its address. Of targets of other hosts nothing is known here."""
    own = {address for link in state.links.values() for address in link.addresses}
    for source in root.iter("source"):
        host = source.find("host")
        target = source.attrib.get("name", "").rpartition("/")[0]
        if source.attrib.get("protocol") == "iscsi" and host is not None and host.attrib["name"] in own and target not in state.targets:
            return NO_TARGET
    return None


def _where(disk: ET.Element) -> str:
    source = disk.find("source")
    return "" if source is None else " ".join(source.attrib.values())


def virsh(state: State, words: tuple[str, ...], stdin: bytes, find: Find) -> Result:
    """The verbs of virsh that are about volumes."""
    match words:
        case ("secret-list",):
            return Result(0, "".join(f" {uuid}   iscsi x\n" for uuid in sorted(state.secrets)).encode())
        case ("secret-undefine", "--secret", uuid):
            known = state.secrets.pop(uuid, None)
            return Result() if known is not None else failed(f"error: failed to get secret '{uuid}'\nerror: {ABSENT} '{uuid}'")
        case ("domblklist", name) | ("domblkinfo", name, "--all"):
            domain = find(state, name)
            if domain is None:
                return failed(f"error: failed to get domain '{name}'")
            if domain.stopped and words[0] == "domblkinfo":
                return Result(124)  # it waits for an answer until it is ended
            disks = domain.volumes if domain.active else {}
            sizes = words[0] == "domblkinfo"
            lines = (
                f" {device}   {size}   0   {size}\n" if sizes else f" {device}   x/volume-{uuid}\n"
                for uuid, (device, size) in disks.items()
            )
            return Result(0, (" vda   /disk\n" if not sizes else "").encode() + "".join(lines).encode())
        case ("attach-device", "--live", "--domain", name, "--file", "/dev/stdin"):
            return _attach(state, find(state, name), stdin)
        case ("blockresize", "--domain", name, "--path", device, "--size", size):
            return _resize(find(state, name), device, int(size.removesuffix("B")))
        case _:
            raise UnknownError


def _attach(state: State, domain: Domain | None, xml: bytes) -> Result:
    root = ET.fromstring(xml)  # noqa: S314  # our own test data
    why = unopened(state, root)
    if domain is None or not domain.active or why:
        return failed(f"error: Failed to attach device from /dev/stdin\nerror: {why or 'domain is not running'}")
    for disk in (root,):
        identity, target = VOLUME.search(_where(disk)), disk.find("target")
        assert identity
        assert target is not None
        if identity[1] in domain.volumes:
            return failed("error: Failed to attach device from /dev/stdin\nerror: target already exists")
        domain.volumes[identity[1]] = (target.attrib["dev"], 1 << 30)
    return Result()


def _resize(domain: Domain | None, device: str, size: int) -> Result:
    for identity, (name, _) in domain.volumes.items() if domain else ():
        if name == device and domain:
            domain.volumes[identity] = (name, size)
            return Result()
    return failed(f"error: Failed to resize block device '{device}'")


def _define_secret(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    xml, uuid, _ = operands
    assert ET.fromstring(xml).findtext("uuid") == uuid  # noqa: S314  # our own test data
    if not stdin:
        return failed("error: secret has no value")
    state.secrets[uuid] = stdin.decode()
    return Result()


def _unplug(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    """The guest lets go, or, deaf, does not."""
    uuid, identity, _, _ = operands
    domain = next((each for each in state.domains.values() if each.uuid == uuid), None)
    if domain is None or domain.name in state.deaf:
        return failed("the guest does not let go of it")
    domain.volumes.pop(identity, None)
    return Result()


def _log_in(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    if not stdin:
        return failed("iscsiadm: initiator reported error (24 - iSCSI login failed due to authorization failure)", 24)
    state.files[f"{connections.RECORDS[0]}/{operands[0]}"] = Directory()
    state.files[operands[3]] = File(link=True)
    return Result()


def _log_out(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    for path in [path for path in state.files if path.endswith(f"-iscsi-{operands[0]}-lun-1")]:
        del state.files[path]
    state.files.pop(f"{connections.RECORDS[0]}/{operands[0]}", None)
    return Result()


def _export(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    iqn, path, user, _ = operands
    if not stdin:
        return failed("no password", 1)
    if not state.file(path):
        return failed(f"tgtadm: {path}: {coreutils.MISSING}")
    target = state.targets.setdefault(iqn, Target())
    target.account, file = user, state.file(path)
    if target.path is None and file:
        target.path, target.size = path, file.size
    return Result()


def _withdraw(state: State, operands: tuple[str, ...], stdin: bytes) -> Result:
    target = state.targets.get(operands[0])
    if target and target.connected:
        return failed("tgtadm: this target is still active", 1)
    state.targets.pop(operands[0], None)
    return Result()


def tgtadm(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """What there is, as tgtadm 1.0.85 shows it."""
    if argv[1:] != ("--lld", "iscsi", "--mode", "target", "--op", "show"):
        raise UnknownError
    return Result(0, "".join(_shown(number, iqn, target) for number, (iqn, target) in enumerate(state.targets.items(), 1)).encode())


def _shown(number: int, iqn: str, target: Target) -> str:
    nexus = "        I_T nexus: 3\n            Initiator: iqn.2008-11.org.linux-kvm alias: none\n" if target.connected else ""
    lun = (
        f"        LUN: 1\n            Size: {round(target.size / 1e6)} MB, Block size: 512\n            Backing store path: {target.path}\n"
    )
    return (
        f"Target {number}: {iqn}\n    System information:\n        Driver: iscsi\n    I_T nexus information:\n{nexus}    LUN information:\n"
        f"        LUN: 0\n            Size: 0 MB, Block size: 1\n            Backing store path: None\n{lun if target.path else ''}"
        f"    Account information:\n        {target.account}\n    ACL information:\n        ALL\n"
    )


def rbd(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """The images of the one cluster that there is; they are kept with the host that makes them."""
    verb = next(at for at, word in enumerate(argv) if word in ("info", "create", "resize", "rm", "import", "rename"))
    options, names = argv[verb + 1 : argv.index("--")], argv[argv.index("--") + 1 :]
    size = int(options[options.index("--size") + 1].removesuffix("B")) if "--size" in options else 0
    image = names[0]
    if argv[verb] == "import":
        file = state.file(names[0])
        if not file:
            return failed(f"rbd: error opening {names[0]}: (2) {coreutils.MISSING}")
        state.images[names[1]] = file.size
    elif argv[verb] == "create":
        if image in state.images:
            return failed("rbd: create error: (17) File exists", 17)
        state.images[image] = size
    elif image not in state.images:
        return failed(f"rbd: error opening image {image}: (2) {coreutils.MISSING}", 2)
    elif argv[verb] == "info":
        return Result(0, json.dumps({"name": image.partition("/")[2], "size": state.images[image]}).encode())
    elif argv[verb] == "resize":
        state.images[image] = size
    elif argv[verb] == "rename":
        state.images[names[1]] = state.images.pop(image)
    else:
        del state.images[image]
    return Result()


SCRIPTS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {
    connections.DEFINE: _define_secret,
    connections.LOGIN: _log_in,
    connections.LOGOUT: _log_out,
    plug_volumes.UNPLUG: _unplug,
    iscsi.EXPORT: _export,
    iscsi.WITHDRAW: _withdraw,
}
PROGRAMS = {"tgtadm": tgtadm, "rbd": rbd}
