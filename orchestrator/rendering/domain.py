"""An instance as libvirt XML (the order and the parts of nova/virt/libvirt/driver.py `_get_guest_config`)."""

from __future__ import annotations

import functools
import hashlib

import jinja2

from orchestrator.model import instance as model
from orchestrator.model.volume import Attachment
from orchestrator.rendering import hardware, volumes

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


def _render(instance: model.Instance, mark: str) -> str:
    return (
        _environment()
        .get_template("domain/base.xml.j2")
        .render(
            instance=instance,
            hardware=hardware.of(instance.flavor, instance.image),
            digest=mark,
            console_log=console_log_path(instance),
            nvram=nvram_path(instance),
            config_drive=config_drive_path(instance) if instance.config_drive else None,
            volumes=[(each, volumes.of(each.volume)) for each in instance.volumes if not each.leaving],
            mtu=lambda port: instance.networks[port.network].link_mtu,
        )
    )


def digest(instance: model.Instance) -> str:
    """sha256 of the instance's XML without its mark: what the mark in the domain's metadata is compared with."""
    return hashlib.sha256(_render(instance, UNMARKED).encode()).hexdigest()


def xml(instance: model.Instance) -> str:
    """The whole libvirt.xml, our ownership mark (lineage and digest) in its metadata."""
    return _render(instance, UNMARKED).replace(UNMARKED, digest(instance))


def volume_xml(instance: model.Instance, attachment: Attachment) -> str:
    """A volume as the disk that it is of the instance: what is plugged into a running domain, and out of it."""
    return (
        _environment()
        .get_template("domain/volume.xml.j2")
        .render(
            volume=attachment.volume,
            device=attachment.device,
            source=volumes.of(attachment.volume),
            hardware=hardware.of(instance.flavor, instance.image),
        )
    )


def secret_xml(instance: model.Instance, secret: volumes.Secret) -> str:
    """A libvirt secret without its value. It is kept in memory only, and libvirt tells its value to nobody but QEMU."""
    return _environment().get_template("secret.xml.j2").render(secret=secret, lineage=instance.lineage)
