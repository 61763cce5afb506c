"""From entries to the model's nouns: files that entries name are read here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, MutableMapping

from msgspec import structs

from orchestrator.files import image
from orchestrator.files.playbook import (
    catalog,
    entries,
    findings,
    named_files,
    networking,
    plays,
    properties,
    restarts,
    selection,
    server_groups,
)
from orchestrator.model import desired, errors

GIBIBYTE = 1 << 30
KEY_TYPES = frozenset(
    {
        *("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
        *("sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"),
    }
)
EMPTY = ""


def flavors(all_entries: catalog.Catalog) -> dict[str, desired.Flavor]:
    """The flavors by name."""
    return {
        entry.name: desired.Flavor(
            entry.name, entry.vcpus, entry.ram, entry.disk, entry.ephemeral, entry.swap, properties.texts(entry.extra_specs)
        )
        for entry, _ in catalog.entries_of(all_entries, "flavors", entries.FlavorEntry)
    }


def images(all_entries: catalog.Catalog, digests: MutableMapping[str, str], found: findings.Findings) -> dict[str, desired.Image]:
    """The images by name, each file inspected; those that are refused are left out and noted."""
    made = {}
    for entry, declared in catalog.entries_of(all_entries, "images", entries.ImageEntry):
        try:
            make = _fetched if image.remote(entry.source) else _uploaded
            made[entry.name] = make(entry, declared, digests)
        except errors.SpecError as error:
            if isinstance(error, image.NoChecksum) and not declared.lacks("checksum"):
                continue  # one was written, and complained about
            field = "checksum" if isinstance(error, image.WrongChecksum) else "source"
            found.add(declared.place(field), f"image '{entry.name}': {error.what}", error.why, error.hint)
    return made


def _uploaded(entry: entries.ImageEntry, declared: plays.Declared, digests: MutableMapping[str, str]) -> desired.Image:
    """An image on this machine."""
    file = named_files.path(entry.source, declared.folder)
    inspected = image.inspect(file, entry.disk_format, entry.checksum, digests)
    pinned = desired.Image(entry.name, str(file), inspected.digest, size=inspected.size, virtual_size=inspected.virtual_size)
    return _described(pinned, entry)


def _fetched(entry: entries.ImageEntry, declared: plays.Declared, digests: MutableMapping[str, str]) -> desired.Image:
    """An image that each host fetches: known by its checksum, its sizes not before it is there."""
    algorithm, digest = image.pinned(entry.source, entry.checksum)
    return _described(desired.Image(entry.name, entry.source, digest, algorithm=algorithm), entry)


def _described(pinned: desired.Image, entry: entries.ImageEntry) -> desired.Image:
    return structs.replace(
        pinned,
        disk_format=entry.disk_format,
        min_disk=entry.min_disk,
        min_ram=entry.min_ram,
        properties=properties.texts(entry.properties),
    )


def keypairs(all_entries: catalog.Catalog, found: findings.Findings) -> dict[str, desired.Keypair]:
    """The key pairs by name, files read; those that are no OpenSSH public keys are left out and noted."""
    made = {}
    for entry, declared in catalog.entries_of(all_entries, "keypairs", entries.KeypairEntry):
        given = [field for field in ("public_key", "public_key_file") if getattr(entry, field) is not None]
        if len(given) != 1:
            if given or declared.lacks("public_key", "public_key_file"):
                both = "not both" if given else "one of them"
                found.add(declared.node.mark, f"keypair '{entry.name}' needs public_key or public_key_file, {both}")
            continue
        try:
            written = entry.public_key or named_files.read(entry.public_key_file or EMPTY, declared.folder)
            made[entry.name] = desired.Keypair(entry.name, public_key(written))
        except errors.SpecError as error:
            found.add(declared.place(given[0]), f"keypair '{entry.name}': {error.what}", error.why, error.hint)
    return made


def public_key(written: str) -> str:
    """The key on one line: type, base64, comment. SpecError (without a place) if it is not an OpenSSH public key."""
    lines = [line.strip() for line in written.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    hint = "such as ssh-ed25519 AAAA... name; ssh-keygen -y -f KEY prints it"
    if "PRIVATE KEY" in written:
        raise errors.SpecError("this is a private key", hint="name the .pub file beside it")
    if len(lines) != 1:
        raise errors.SpecError("not one OpenSSH public key", why=f"it has {len(lines)} lines", hint=hint)
    kind, _, rest = lines[0].partition(" ")
    try:
        blob = base64.b64decode(rest.split()[0] if rest.split() else "", validate=True)
    except binascii.Error:
        blob = b""
    length = int.from_bytes(blob[:4], "big")
    if not lines[0].isprintable() or kind not in KEY_TYPES or len(blob) < 32 or blob[4 : 4 + length] != kind.encode():
        raise errors.SpecError("not an OpenSSH public key", hint=hint)
    return lines[0]


def instances(all_entries: catalog.Catalog, found: findings.Findings) -> dict[str, desired.InstanceRequest]:
    """The instances by name that the tags select; user data files are read."""
    return {
        entry.name: _instance(entry, declared, found)
        for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry)
        if declared.selected
    }


def _instance(entry: entries.InstanceEntry, declared: plays.Declared, found: findings.Findings) -> desired.InstanceRequest:
    return desired.InstanceRequest(
        name=entry.name,
        flavor=entry.flavor or EMPTY,
        image=entry.image or EMPTY,
        hosts=declared.hosts,
        networks=tuple(map(_port, entry.networks)),
        keypair=entry.keypair,
        availability_zone=entry.availability_zone,
        user_data=_user_data(entry, declared, found),
        ephemerals=entry.ephemerals,
        config_drive=entry.config_drive is not None,
        metadata=dict(entry.metadata),
        tags=tuple(tag for tag in entry.tags if tag not in selection.WORDS),
        state=entry.state,
        where=str(declared.node.mark),
        security_groups=(desired.DEFAULT_GROUP,) if entry.security_groups is None else entry.security_groups,
        volumes=tuple(name for name, _ in entry.placed_volumes()),
        boot_volume=next(iter(entry.boot_volumes), None),
        datasource=entry.config_drive or entries.DATASOURCES[0],
        server_group=server_groups.of_instance(entry),
        scheduler_hints=server_groups.scheduler_hints(entry),
        project=entry.project,
        notify=entry.notify,
        restart_policy=restarts.policy(entry.restart_policy, declared.play.restart_policy),
    )


def _port(entry: networking.NetworkRequestEntry) -> desired.NetworkRequest:
    return desired.NetworkRequest(entry.network, entry.fixed_ip, entry.mac, entry.port_security_enabled, entry.security_groups)


def _user_data(entry: entries.InstanceEntry, declared: plays.Declared, found: findings.Findings) -> str | None:
    if not isinstance(entry.user_data, entries.UserDataFile):
        return entry.user_data
    try:
        return named_files.read(entry.user_data.file, declared.folder)
    except errors.SpecError as error:
        found.add(declared.place("user_data", "file"), f"user_data: {error.what}", error.why, error.hint)
        return None


def check_sizes(all_entries: catalog.Catalog, made: Mapping[str, desired.Image], found: findings.Findings) -> None:
    """Notes instances whose flavor is smaller than their image wants."""
    sizes = flavors(all_entries)
    for entry, declared in catalog.entries_of(all_entries, "instances", entries.InstanceEntry):
        size, disk = sizes.get(entry.flavor or EMPTY), made.get(entry.image or EMPTY)
        if size is None or entry.state == "absent":
            continue
        if sum(entry.ephemerals) > size.ephemeral:
            why = f"they are {sum(entry.ephemerals)} GiB, and flavor '{size.name}' has {size.ephemeral}"
            found.add(declared.place("ephemerals"), f"ephemerals of instance '{entry.name}'", why, "ask for less, or give the flavor more")
        if disk is None:
            continue
        least = max(-(-disk.virtual_size // GIBIBYTE), disk.min_disk, int(disk.remote))
        title = f"flavor '{size.name}' of instance '{entry.name}'"
        if size.disk < least:
            why = f"its disk of {size.disk} GiB is smaller than image '{disk.name}' wants"
            found.add(declared.place("flavor"), title, why, f"give it {least} GiB or more")
        if size.ram < disk.min_ram:
            why = f"its {size.ram} MiB of RAM are fewer than image '{disk.name}' wants"
            found.add(declared.place("flavor"), title, why, f"give it {disk.min_ram} MiB or more")
