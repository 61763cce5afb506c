"""The config drive: an ISO that cloud-init reads, Nova's own (label config-2, OpenStack metadata `latest`) or NoCloud's (label cidata).

What differs between the two is form alone. All of it is JSON, which YAML is a superset of: nothing in a value can be anything but a value.
"""

from __future__ import annotations

import io
import json
import time
import types
from typing import Any

from msgspec import structs

from orchestrator.model import instance as model
from orchestrator.rendering import network_data

EPOCH = types.SimpleNamespace(**{**vars(time), "time": lambda: 0.0, "localtime": time.gmtime})
"""A clock that stands still, in UTC."""
LEAST = 72 << 10
"""Bytes: tools that look for a label read 68 KiB of a device (busybox findfs), and take a smaller one for none of theirs."""
LABELS = {"config-2": "config-2", "nocloud": "cidata"}
"""Volume labels by which cloud-init finds the drive of each of its data sources."""


def iso(instance: model.Instance) -> bytes:
    """The ISO 9660 image, with Rock Ridge and Joliet names; the same bytes whenever and wherever it is made."""
    disc = _undated().PyCdlib()
    disc.new(interchange_level=3, joliet=3, rock_ridge="1.09", vol_ident=LABELS[instance.datasource])
    found = files(instance)
    folders = sorted({name[:at] for name in found for at, sign in enumerate(name) if sign == "/"})
    for folder in folders:
        disc.add_directory(f"/{folder.upper()}", rr_name=folder.rsplit("/", 1)[-1], joliet_path=f"/{folder}")
    for number, (path, content) in enumerate(found.items()):
        folder, _, name = path.rpartition("/")
        short = f"{folder}/F{number}.;1".lstrip("/").upper()
        disc.add_fp(io.BytesIO(content), len(content), f"/{short}", rr_name=name, joliet_path=f"/{path}")
    out = io.BytesIO()
    disc.write_fp(out)
    disc.close()
    return out.getvalue().ljust(LEAST, b"\0")


def _undated() -> Any:
    """pycdlib without its clock: it would date everything it writes by the time of the controller."""
    import pycdlib  # a third of a second of imports saved where no drive is made
    from pycdlib import dates, headervd

    for module in (pycdlib.pycdlib, headervd, dates):
        vars(module)["time"] = EPOCH
    return pycdlib


def files(instance: model.Instance) -> dict[str, bytes]:
    """The drive's files by path."""
    return _nocloud(instance) if instance.datasource == "nocloud" else _openstack(instance)


def _openstack(instance: model.Instance) -> dict[str, bytes]:
    """Nova's (virt/configdrive.py)."""
    found = {"meta_data.json": _json(_meta_data(instance)), "network_data.json": _json(network_data.openstack(instance))}
    if instance.user_data is not None:
        found["user_data"] = instance.user_data.encode()
    return {f"openstack/latest/{name}": content for name, content in found.items()}


def _nocloud(instance: model.Instance) -> dict[str, bytes]:
    """NoCloud's: cloud-init takes the drive for none without user data, so there is always some."""
    return {
        "meta-data": _json(_identity(instance)),
        "network-config": _json(network_data.netplan(instance)),
        "user-data": (instance.user_data or "").encode(),
    }


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()


def _meta_data(instance: model.Instance) -> dict[str, object]:
    keys = {instance.keypair: instance.public_key} if instance.keypair and instance.public_key else {}
    return {
        "uuid": instance.uuid,
        "name": instance.name,
        "hostname": instance.name,
        "availability_zone": instance.availability_zone,
        "meta": dict(instance.metadata),
        "public_keys": keys,
        "keys": [{"name": name, "type": "ssh", "data": data} for name, data in keys.items()],
        "launch_index": 0,
    }


def told(instance: model.Instance, drive: bytes) -> model.Instance:
    """The instance with what its drive alone tells of it: user data and metadata. Raises ValueError for what is no drive of ours."""
    import pycdlib
    from pycdlib import pycdlibexception

    disc, folder = pycdlib.PyCdlib(), "" if instance.datasource == "nocloud" else "/openstack/latest"
    about, data = ("meta-data", "user-data") if instance.datasource == "nocloud" else ("meta_data.json", "user_data")
    try:
        disc.open_fp(io.BytesIO(drive))
        found = json.loads(_content(disc, f"{folder}/{about}"))
        names = [each.file_identifier().decode("utf-16-be") for each in disc.list_children(joliet_path=folder or "/") if not each.is_dir()]
        user_data = _content(disc, f"{folder}/{data}").decode() if data in names else ""
        meta = {str(key): str(value) for key, value in found.get("meta", {}).items()}
    except (pycdlibexception.PyCdlibException, AttributeError, UnicodeDecodeError) as error:
        raise ValueError(str(error)) from error
    return structs.replace(instance, user_data=user_data or None, metadata=meta)


def _content(disc: Any, path: str) -> bytes:
    out = io.BytesIO()
    disc.get_file_from_iso_fp(out, joliet_path=path)
    return out.getvalue()


def _identity(instance: model.Instance) -> dict[str, object]:
    found: dict[str, object] = {
        "instance-id": instance.uuid,
        "local-hostname": instance.name,
        "availability-zone": instance.availability_zone,
        "meta": dict(instance.metadata),
    }
    return {**found, "public-keys": [instance.public_key]} if instance.public_key else found
