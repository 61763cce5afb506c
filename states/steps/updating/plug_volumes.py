"""The disks of the running guest: volumes plugged in, grown, and out (nova `Guest.attach_device`, `detach_device_with_retry`).

What the guest does not let go of is not gone: the volume stays `detaching` until the host says that no process has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.commands.command import Action, Command
from orchestrator.facts import plugged
from orchestrator.facts.domain import URI
from orchestrator.facts.gather import Facts, Key
from orchestrator.model.instance import Instance
from orchestrator.model.volume import Attachment
from orchestrator.rendering import domain, hardware
from orchestrator.states.step import Todo

PATIENCE = 5.0
LETS_GO = 30
"""Seconds that a guest has to let go of a disk; QEMU asks it as often as the same command is given."""

# One fixed script; its arguments are data: domain's uuid, volume's id, seconds, URI; the disk's XML is its stdin. What comes after it may take the volume
# away from under the guest, so that it ends well only when libvirt's own list no longer has the disk.
UNPLUG = (
    'v() { virsh -q -c "$u" "$@"; }; u=$4; v detach-device --live --domain "$1" --file /dev/stdin; n=0; '
    'while on=$(v domblklist --domain "$1"); do case $on in *"volume-$2"*) ;; *) exit 0;; esac; '
    '[ "$n" -lt "$3" ] || { echo "the guest does not let go of it" >&2; exit 1; }; sleep 1; n=$((n+1)); done; exit 1'
)


def needs(instance: Instance) -> tuple[Key, ...]:
    return (plugged.Key(instance.domain),) if _volumes(instance) else ()


def plan(instance: Instance, facts: Facts) -> Todo:
    found = facts[plugged.Key(instance.domain)] if _volumes(instance) else None
    if not isinstance(found, tuple):
        return Todo("no process has its volumes" if _volumes(instance) else "no volumes")
    actions = tuple(action for each in _volumes(instance) for action in _act(instance, each, _disk(found, each)))
    return Todo("the guest has other volumes" if actions else "the guest has its volumes", actions)


def undo(instance: Instance, facts: Facts) -> tuple[Action, ...]:
    return ()


def expects(instance: Instance, facts: Facts) -> dict[Key, object]:
    found = facts[plugged.Key(instance.domain)] if _volumes(instance) else None
    if not isinstance(found, tuple):
        return {}
    own = {each.volume.id for each in _volumes(instance)}
    others = [each for each in found if each.volume not in own]
    return {plugged.Key(instance.domain): tuple(sorted([*others, *_plugged(instance, found)], key=lambda each: each.volume))}


def shares(instance: Instance) -> str | None:
    return None


def _volumes(instance: Instance) -> list[Attachment]:
    """Those that come and go: what a guest was found with is in its definition."""
    return [each for each in instance.volumes if not each.volume.adopted]


def _plugged(instance: Instance, found: tuple[plugged.Plugged, ...]) -> Iterator[plugged.Plugged]:
    for each in _volumes(instance):
        if not each.leaving:
            disk = _disk(found, each)
            yield plugged.Plugged(each.volume.id, each.device, max(each.volume.bytes, (disk and disk.size) or 0))


def _disk(found: tuple[plugged.Plugged, ...], attachment: Attachment) -> plugged.Plugged | None:
    return next((each for each in found if each.volume == attachment.volume.id), None)


def _act(instance: Instance, attachment: Attachment, disk: plugged.Plugged | None) -> tuple[Action, ...]:
    virsh = ("virsh", "-q", "-c", URI)
    xml = domain.device(instance, attachment)
    if attachment.leaving:
        words = (instance.uuid, attachment.volume.id, str(LETS_GO), URI)
        return () if disk is None else (Command(("sh", "-c", UNPLUG, "unplug-volume", *words), stdin=xml, timeout=LETS_GO + 30),)
    if disk is None:
        return (Command((*virsh, "attach-device", "--live", "--domain", instance.uuid, "--file", "/dev/stdin"), stdin=xml),)
    if disk.size is not None and disk.size < attachment.volume.bytes:
        path = hardware.of(instance.flavor, instance.image).device(attachment.device)
        grow = ("blockresize", "--domain", instance.uuid, "--path", path, "--size", f"{attachment.volume.bytes}B")
        return (Command((*virsh, *grow)),)
    return ()
