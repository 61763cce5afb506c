"""An instance as libvirt XML (the order and the parts of nova/virt/libvirt/driver.py `_get_guest_config`)."""

from __future__ import annotations

import functools
import hashlib

import jinja2

from orchestrator.model import instance as model

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


def _render(instance: model.Instance, mark: str) -> str:
    machine = instance.image.properties.get("hw_machine_type", "pc")
    return (
        _environment()
        .get_template("domain/base.xml.j2")
        .render(
            instance=instance,
            digest=mark,
            machine=machine,
            console_log=console_log_path(instance),
            config_drive=config_drive_path(instance) if instance.config_drive else None,
            config_drive_device="sda" if machine == "q35" else "hda",
            config_drive_bus="sata" if machine == "q35" else "ide",
        )
    )


def digest(instance: model.Instance) -> str:
    """sha256 of the instance's XML without its mark: what the mark in the domain's metadata is compared with."""
    return hashlib.sha256(_render(instance, UNMARKED).encode()).hexdigest()


def xml(instance: model.Instance) -> str:
    """The whole libvirt.xml, our ownership mark (lineage and digest) in its metadata."""
    return _render(instance, UNMARKED).replace(UNMARKED, digest(instance))
