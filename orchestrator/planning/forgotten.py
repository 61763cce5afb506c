"""Instances of ours that a store has forgotten: what lies beside their disks says what they are."""

from __future__ import annotations

from collections.abc import Collection

from msgspec.structs import replace

from orchestrator.facts import content
from orchestrator.facts.gather import Facts
from orchestrator.model import desired
from orchestrator.model.host import Host
from orchestrator.model.instance import Instance
from orchestrator.planning.adoption import UnfitError
from orchestrator.rendering import config_drive, described, domain

STEP = 0x1000
"""Numbers that are left out for those that were given and are not known: of guests on hosts that are adopted later, or were lost."""


def key(host: Host, identity: str) -> content.Key:
    """Where the instance of this uuid is described."""
    return content.Key(f"{host.instances_path}/{identity}/{described.NAME}")


def read(host: Host, identity: str, facts: Facts) -> Instance:
    """The instance, less what is on its drive. Raises UnfitError."""
    text = facts[key(host, identity)]
    if not isinstance(text, bytes):
        raise UnfitError(f"there is no {described.NAME} beside its disks, by which it could be told of: an older program made it")
    try:
        found = described.read(text)
    except ValueError as error:
        raise UnfitError(f"{described.NAME} beside its disks is not understood: {error}") from error
    if found.uuid != identity or found.directory != f"{host.instances_path}/{identity}":
        raise UnfitError(f"{described.NAME} beside its disks tells of {found.directory}")
    return replace(found, host=host.name, launched=True, renews=())  # consent to lose its disks was to the store that forgot it


def drives(found: Collection[Instance]) -> tuple[content.Key, ...]:
    """Where the rest of them is told."""
    return tuple(content.Key(domain.config_drive_path(each)) for each in found if each.config_drive)


def whole(found: Instance, facts: Facts) -> Instance:
    """The instance with what its drive tells of it. Raises UnfitError."""
    if not found.config_drive:
        return found
    drive = facts[content.Key(domain.config_drive_path(found))]
    if not isinstance(drive, bytes):
        raise UnfitError("its config drive is missing")
    try:
        return config_drive.told(found, drive)
    except ValueError as error:
        raise UnfitError(f"its config drive is not understood: {error}") from error


def check(found: Instance, groups: Collection[str], server_groups: Collection[str], same_store: bool) -> None:
    """Raises UnfitError when what it rests on is not known here: its guest's rules would be others, or its volumes out of reach."""
    wanted = {name for port in found.ports if port.port_security for name in port.security_groups} - {desired.DEFAULT_GROUP}
    hint = "name a playbook that declares it with --file"
    if unknown := sorted(wanted - set(groups)):
        raise UnfitError(f"the rules of its security group {unknown[0]!r} are not known here: {hint}")
    if found.server_group and found.server_group not in server_groups:
        raise UnfitError(f"the policy of its server group {found.server_group!r} is not known here: {hint}")
    if not same_store and any(each.volume.backend == "iscsi" for each in found.volumes):
        raise UnfitError("the passwords of its iSCSI volumes were the lost store's: restore a backup of that")


def number(found: Instance) -> int:
    """The number that its domain is called by; 0 of one that others named."""
    digits = found.domain.removeprefix("instance-")
    return int(digits, 16) if len(digits) == 8 and set(digits) <= set("0123456789abcdef") and digits != found.domain else 0


def after(highest: int) -> int:
    """The next number that is not among those left out."""
    return (highest | (STEP - 1)) + 1
