"""An instance as libvirt XML (the order and the parts of nova/virt/libvirt/driver.py `_get_guest_config`)."""

from __future__ import annotations

import functools
import hashlib

import jinja2

from orchestrator.model import instance as model
from orchestrator.model.volume import Attachment
from orchestrator.rendering import compiled, definition, hardware, host_devices, volumes

UNMARKED = "0" * 64


@functools.cache
def _environment() -> jinja2.Environment:
    # Jinja's own choice by file name would leave `domain.xml.j2` unescaped, so escaping is on for every template.
    return jinja2.Environment(
        loader=jinja2.PackageLoader("orchestrator", "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        bytecode_cache=compiled.Beside(),
        auto_reload=False,  # else the files are looked at for every include of every instance
    )


def config_drive_path(instance: model.Instance) -> str:
    """Path of the config drive (nova `disk.config`)."""
    return f"{instance.directory}/disk.config"


def console_log_path(instance: model.Instance) -> str:
    """Path of what the guest writes on its serial console (nova `console.log`)."""
    return f"{instance.directory}/console.log"


def nvram_path(instance: model.Instance) -> str:
    """Path of what the guest's UEFI keeps: the instance's own, so that it stays through a hard reboot and goes with the disks."""
    return f"{instance.directory}/nvram.fd"


def _render(instance: model.Instance) -> str:
    if instance.definition:
        return _found(instance)
    made = hardware.of(instance.flavor, instance.image)
    return (
        _environment()
        .get_template("domain/base.xml.j2")
        .render(
            instance=instance,
            hardware=made,
            digest=UNMARKED,
            console_log=console_log_path(instance),
            nvram=nvram_path(instance),
            config_drive=config_drive_path(instance) if instance.config_drive else None,
            cdrom=made.cdrom((*(disk.device for disk in instance.disks), *(each.device for each in instance.volumes))),
            volumes=[(each, volumes.of(each.volume)) for each in instance.volumes if not each.leaving],
            ports=[port for port in instance.ports if port.status != "detaching"],
            pinning=host_devices.pinning(instance, made.cells),
            addresses=[host_devices.address(device) for device in instance.devices],
            mtu=lambda port: instance.networks[port.network].link_mtu,
        )
    )


def _found(instance: model.Instance) -> str:
    """The XML of a guest that others made; what it came with is in it."""
    environment = _environment()
    devices = environment.get_template("domain/added.xml.j2").render(
        hardware=hardware.of(instance.flavor, instance.image),
        volumes=[(each, volumes.of(each.volume)) for each in instance.volumes if not (each.leaving or each.volume.adopted)],
        ports=[port for port in instance.ports if port.tap and port.status != "detaching"],
        mtu=lambda port: instance.networks[port.network].link_mtu,
    )
    mark = environment.get_template("domain/mark.xml.j2").render(instance=instance, digest=UNMARKED)
    return definition.marked(instance.definition, mark, devices)


def digest(instance: model.Instance) -> str:
    """sha256 of the instance's XML without its mark: what the mark in the domain's metadata is compared with."""
    return _rendered(_ByContent(instance))[0]


def xml(instance: model.Instance) -> str:
    """The whole libvirt.xml, our ownership mark (lineage and digest) in its metadata."""
    return _rendered(_ByContent(instance))[1]


def device(instance: model.Instance, attachment: Attachment) -> str:
    """The `<disk>` of one of the instance's volumes by itself, as it is plugged into a running domain."""
    return (
        _environment()
        .get_template("domain/volume.xml.j2")
        .render(
            hardware=hardware.of(instance.flavor, instance.image),
            volume=attachment.volume,
            device=attachment.device,
            source=volumes.of(attachment.volume),
        )
    )


def interface(instance: model.Instance, port: model.Port) -> str:
    """The `<interface>` of one of the instance's ports by itself, as it is plugged into a running domain, and out."""
    return (
        _environment()
        .get_template("domain/interface.xml.j2")
        .render(hardware=hardware.of(instance.flavor, instance.image), port=port, mtu=lambda port: instance.networks[port.network].link_mtu)
    )


def secret_xml(instance: model.Instance, secret: volumes.Secret) -> str:
    """A libvirt secret without its value. It is kept in memory only, and libvirt tells its value to nobody but QEMU."""
    return _environment().get_template("secret.xml.j2").render(secret=secret, lineage=instance.lineage)


class _ByContent:
    """An instance as a key: it holds mappings, which have no hash, so it is known by its own words. To write those costs a twentieth of a rendering."""

    __slots__ = ("_words", "instance")

    def __init__(self, instance: model.Instance) -> None:
        self.instance, self._words = instance, repr(instance)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByContent) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self._words)


@functools.lru_cache(maxsize=1024)
def _rendered(key: _ByContent) -> tuple[str, str]:
    """Digest and XML. Each instance is asked for them about eight times a run: by steps, by what they expect, and again before it is done."""
    text = _render(key.instance)
    found = hashlib.sha256(text.encode()).hexdigest()
    return found, text.replace(UNMARKED, found)
