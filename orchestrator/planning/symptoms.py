"""What is wrong with an instance itself: its process, its domain, its files, its volumes. Pure: every step's own plan says what it would change."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

from msgspec import Struct

from orchestrator.facts import base_digest, cached, digest, file, link, mode, qemu, reason, shape
from orchestrator.facts import disk as disks
from orchestrator.facts import domain as domains
from orchestrator.facts import size as sizes
from orchestrator.facts.gather import Facts, Key
from orchestrator.model import errors
from orchestrator.model.instance import Disk, Instance, Record
from orchestrator.planning import decide
from orchestrator.planning.finding import Finding, Repair
from orchestrator.rendering import domain, volumes
from orchestrator.states import step as steps
from orchestrator.states.instance import BLOCK_DEVICE_MAPPING, NETWORKING, SPAWNING, TABLE
from orchestrator.states.steps.block_device_mapping import make_directory
from orchestrator.states.steps.spawning import define_domain, write_domain_xml
from orchestrator.states.steps.teardown import power

ENDS = {"crashed": "domain-crashed", "destroyed": "domain-destroyed", "shutdown": "domain-shut-down"}
"""Causes by libvirt's reason for which a domain is off; of another reason it is `domain-off`."""
DISKS, DEFINE, PLUG = "block_device_mapping.create_disks", "spawning.define_domain", "updating.plug_volumes"


class Patient(Struct, frozen=True):
    """An instance, what is known of its host, and whether its guest is to run."""

    record: Record
    facts: Facts

    @property
    def instance(self) -> Instance:
        return self.record.instance

    @property
    def domain(self) -> domains.Domain | None:
        found = self.facts[domains.Key(self.instance.domain)]
        return found if isinstance(found, domains.Domain) else None

    @property
    def runs(self) -> bool:
        """Whether libvirt has a process of it, whatever that does."""
        return self.domain is not None and self.domain.state not in shape.OFF

    @property
    def to_run(self) -> bool:
        return self.record.state == "ACTIVE" or (self.record.state == "ERROR" and self.record.wanted == "active")

    def finding(self, kind: str, cause: str, detail: str, repair: Repair, remedy: str) -> Finding:
        return Finding(kind, self.instance.name, self.instance.host, cause, detail, repair, remedy)


def of(record: Record, facts: Facts) -> Iterator[Finding]:
    """What is wrong. While something is going on with an instance, or was left half done, that is all there is to say."""
    patient = Patient(record, facts)
    state = TABLE.state(record.state)
    if state.busy or not (record.instance.launched or record.state in ("ACTIVE", "STOPPED")):
        yield _unfinished(patient)
        if decide.unmanaged(record, facts) or power.cut_off(record.instance, facts):
            yield from _process(patient)
        return
    found = [*_process(patient), *_steps(patient), *_surplus(patient)]
    yield from found
    if record.state == "ERROR" and not any(each.kind in ("process", "domain") for each in found):
        detail = f"it is recorded as ERROR: {record.fault or 'no reason was recorded'}"
        repair, remedy = (
            (Repair.LIVE, "record it as ACTIVE once all is mended") if patient.runs else (Repair.RESTART, "record it as STOPPED")
        )
        yield patient.finding("instance", "in-error", detail, repair, remedy)


def needs(instance: Instance) -> tuple[Key, ...]:
    """What only a diagnosis looks at: every byte of the image's base, XML as it is defined and as it runs, how long disk files are, modes."""
    bases = dict.fromkeys(disk.base.path for disk in instance.disks if disk.base.kind == "image")
    name = instance.domain
    own = (shape.Key(name), shape.Live(name), reason.Key(name), mode.Key(instance.directory))
    return (*own, *(base_digest.Key(path) for path in bases), *(sizes.Key(disk.path) for disk in instance.disks))


def _unfinished(patient: Patient) -> Finding:
    record, name = patient.record, patient.instance.name
    if record.state == "deleting":
        return patient.finding(
            "instance", "half-deleted", "an earlier run left it in deleting", Repair.CANNOT, f"`orchestrator destroy {name}` finishes it"
        )
    if not patient.instance.launched and record.state not in ("powering-on", "powering-off"):
        detail = f"it is {record.state}{': ' + record.fault if record.fault else ''}, and never ran"
        return patient.finding("instance", "never-built", detail, Repair.CANNOT, "`orchestrator apply` builds it")
    repair = Repair.REBOOT if patient.runs else Repair.RESTART
    return patient.finding("instance", "unfinished", f"an earlier run left it in {record.state}", repair, "finish what was begun")


def _process(patient: Patient) -> Iterator[Finding]:
    """The guest's process, as libvirt and as the kernel know it."""
    if patient.domain and patient.domain.uuid != patient.instance.uuid:
        return  # somebody else's: the domain's own finding
    if process := decide.unmanaged(patient.record, patient.facts):
        detail = f"process {process.pid} runs the guest, and libvirt does not know of it"
        yield patient.finding("process", "unmanaged-qemu", detail, Repair.REBOOT, f"end process {process.pid}, then start the guest anew")
    elif power.cut_off(patient.instance, patient.facts):
        detail = "libvirt takes it for starting, and no process runs: its daemon was killed as it began the start"
        yield patient.finding("process", "start-cut-off", detail, Repair.CANNOT, power.way_out(patient.instance))
    elif not patient.to_run and patient.runs:
        yield patient.finding("process", "runs-though-stopped", "it is recorded as stopped, and runs", Repair.REBOOT, "stop it")
    elif patient.to_run and not patient.runs:
        yield _off(patient)
    elif patient.to_run:
        yield from _running(patient)


def _off(patient: Patient) -> Finding:
    if patient.domain is None:
        return patient.finding(
            "domain", "domain-undefined", "libvirt has no such domain, and no process runs", Repair.RESTART, "define and start it"
        )
    told = patient.facts.get(reason.Key(patient.instance.domain))
    why = told.reason if isinstance(told, reason.Reason) else "unknown"
    detail = f"expected running, found {patient.domain.state} ({why})"
    return patient.finding("process", ENDS.get(why, "domain-off"), detail, Repair.RESTART, "start it")


def _running(patient: Patient) -> Iterator[Finding]:
    instance, facts, domain = patient.instance, patient.facts, patient.domain
    assert domain is not None  # noqa: S101  # it runs
    process = facts[qemu.Key(instance.uuid)]
    if isinstance(process, qemu.Process) and process.stopped:
        detail = f"a signal stopped process {process.pid}: the guest stands still, though libvirt calls it {domain.state}"
        yield patient.finding("process", "process-stopped", detail, Repair.LIVE, "have it go on (SIGCONT)")
    if domain.state == "paused":
        remedy = "resume it; nothing but this does, for Nova leaves alone what was paused by hand"
        yield patient.finding("process", "paused", "expected running, found paused", Repair.LIVE, remedy)
    elif domain.state != "running":
        yield patient.finding("process", "not-running", f"expected running, found {domain.state}", Repair.REBOOT, "reboot it")
    taps = (port.tap for port in instance.ports if port.tap and not port.status)
    for tap in (tap for tap in taps if facts[link.Key(tap)] is None):
        detail = f"network device {tap} is gone, and the process has lost its end of it"
        yield patient.finding("network", "tap-missing", detail, Repair.REBOOT, "reboot it: only a new process gets a new one")
    live = facts.get(shape.Live(instance.domain))
    settled = not any(port.status for port in instance.ports) and all(each.status == "in-use" for each in instance.volumes)
    if isinstance(live, shape.Shape) and settled:
        for line in define_domain.wanted(instance).differences(live):
            if not line.startswith(("tap of", "disk")) or "found none" not in line:  # told by their own
                yield patient.finding(
                    "process", "process-differs", f"the process runs with other hardware: {line}", Repair.REBOOT, "reboot it"
                )


def _steps(patient: Patient) -> Iterator[Finding]:
    """What the steps would do, each on what the ones before it leave."""
    predicted = dict(patient.facts)
    names = (*NETWORKING, *BLOCK_DEVICE_MAPPING, *SPAWNING[:2], *([PLUG] if patient.runs else []))
    for name in names:
        step = steps.find(name)
        told = list(_lost_disks(patient)) if name == DISKS else []
        try:
            todo = step.plan(patient.instance, predicted)
        except errors.HostError as problem:
            kind, cause = PROBLEMS.get(name, ("host", "host-unfit"))
            detail = f"{problem.what}{': ' + problem.why if problem.why else ''}"
            yield from told or [patient.finding(kind, cause, detail, Repair.CANNOT, problem.hint or "mend the host")]
            continue
        yield from told
        if todo.actions:
            kind, cause, remedy = WORDS[name](patient, predicted)
            if cause:
                repair = _class(patient, name)
                yield patient.finding(kind, cause, todo.why, repair, remedy)
            predicted.update(step.expects(patient.instance, predicted))


def _class(patient: Patient, name: str) -> Repair:
    """A block device that was logged out under a guest is another one after the next login."""
    block = name.endswith("connect_volumes") and any(volumes.of(each.volume).iqn for each in patient.instance.volumes)
    return Repair.REBOOT if block and patient.runs else Repair.LIVE


def _lost_disks(patient: Patient) -> Iterator[Finding]:
    """Disk files whose data is gone, or that are not what the guest wrote on."""
    for disk in patient.instance.disks:
        found = patient.facts[disks.Key(disk.path)]
        if cause := _lost(patient, disk, found):
            word, detail = cause
            yield patient.finding(
                "file", word, detail, Repair.CANNOT, f"bring back {disk.path}, or `orchestrator destroy {patient.instance.name}`"
            )


def _lost(patient: Patient, disk: Disk, found: object) -> tuple[str, str] | None:
    if not isinstance(found, disks.Disk):
        return (
            None if disk.name in patient.instance.renews else ("overlay-missing", f"{disk.path} is gone, with all that was written on it")
        )
    if found.format != "qcow2":
        return "overlay-damaged", f"{disk.path} has no header of a qcow2 file: nothing tells where its data is"
    if found.backing != disk.base.path:
        return "overlay-rebased", f"{disk.path} rests on {found.backing or 'no base'}, and was made on {disk.base.path}"
    length = patient.facts.get(sizes.Key(disk.path))
    if isinstance(length, int) and length < found.least:
        return "overlay-truncated", f"{disk.path} has {length} bytes, and its own header says at least {found.least}"
    return None


def _surplus(patient: Patient) -> Iterator[Finding]:
    """What no step looks at: a base's every byte."""
    for path in dict.fromkeys(disk.base.path for disk in patient.instance.disks if disk.base.kind == "image"):
        found = patient.facts.get(base_digest.Key(path))
        if patient.facts[cached.Key(path)] == cached.WHOLE and found not in (None, base_digest.WHOLE):
            remedy = "bring the file back: the disks of instances rest on its very bytes (`orchestrator image verify`)"
            yield patient.finding("image", "base-damaged", f"{path}: {found}", Repair.CANNOT, remedy)


Words = tuple[str, str, str]


def _directory(patient: Patient, facts: Facts) -> Words:
    if facts[file.Key(patient.instance.directory)] == "directory":
        return "file", "directory-mode", f"make it {make_directory.MODE:o}"
    return "file", "directory-missing", "make it again"


def _xml(patient: Patient, facts: Facts) -> Words:
    found, wanted = (
        facts[digest.Key(write_domain_xml.path(patient.instance))],
        hashlib.sha256(domain.xml(patient.instance).encode()).hexdigest(),
    )
    cause = "xml-missing" if found is None else "xml-edited" if found != wanted else "description-missing"
    return "file", cause, "write it again"


def _define(patient: Patient, facts: Facts) -> Words:
    if patient.domain is None:  # one that is to run is told of as its process
        off = "" if patient.to_run or decide.unmanaged(patient.record, facts) else "domain-undefined"
        return "domain", off, "define it again"
    if define_domain.as_rendered(patient.instance, facts):
        return "domain", "autostart-off", "have libvirt start it with its host, as it did when it was adopted"
    return "domain", "domain-redefined" if patient.domain.persistent else "domain-transient", "define it again"


def _plain(kind: str, cause: str, remedy: str) -> Callable[[Patient, Facts], Words]:
    return lambda patient, facts: (kind, cause, remedy)


WORDS: dict[str, Callable[[Patient, Facts], Words]] = {
    "networking.plug_ports": _plain("network", "port-unplugged", "plug the port in again"),
    "block_device_mapping.make_directory": _directory,
    "block_device_mapping.fetch_image": _plain("image", "base-missing", "fetch the image again; it is held to its manifest"),
    "block_device_mapping.make_ephemeral_base": _plain("image", "ephemeral-base-missing", "make it again: it is blank"),
    "block_device_mapping.make_swap_base": _plain("image", "swap-base-missing", "make it again: it is blank"),
    DISKS: _plain("file", "disk-small", "grow it"),
    "block_device_mapping.write_config_drive": _plain("file", "config-drive-missing", "write it again"),
    "block_device_mapping.fetch_volume_images": _plain("volume", "volume-image-missing", "fetch it again"),
    "block_device_mapping.create_volumes": _plain("volume", "volume-differs", "make it as it should be"),
    "block_device_mapping.connect_volumes": _plain("volume", "volume-disconnected", "connect it again"),
    "spawning.write_domain_xml": _xml,
    DEFINE: _define,
    PLUG: _plain("volume", "volume-unplugged", "plug it in, or out, again"),
}
"""Kind, cause and remedy of what a step would change; a cause of "" is told elsewhere."""
PROBLEMS = {
    "block_device_mapping.fetch_image": ("image", "base-damaged"),
    DISKS: ("file", "overlay-damaged"),
    "block_device_mapping.create_volumes": ("volume", "volume-missing"),
    DEFINE: ("domain", "foreign-domain"),
}
"""Kind and cause of what a step refuses."""
