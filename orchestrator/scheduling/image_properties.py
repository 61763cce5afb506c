"""Image properties as Nova reads them, so that different spellings of one thing are one (nova/objects/image_meta.py, fields.py)."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.model.desired import Image

ARCHITECTURES = {"i386": "i686", "i486": "i686", "i586": "i686", "x86_32": "i686", "x86_32p": "i686", "amd64": "x86_64"}
HYPERVISORS = {"xapi": "xen"}
MODES = {"pv": "xen", "hv": "hvm", "baremetal": "hvm"}
SPELLINGS: Mapping[str, Mapping[str, str]] = {"hw_architecture": ARCHITECTURES, "img_hv_type": HYPERVISORS, "hw_vm_mode": MODES}
FLAGS = frozenset({"hw_qemu_guest_agent"})
TRUE = frozenset({"1", "t", "true", "on", "y", "yes"})


def of(image: Image) -> Mapping[str, str]:
    """Its properties in Nova's spelling; flags are True or False."""
    return {name: spelled(name, text) for name, text in image.properties.items()}


def spelled(name: str, text: str) -> str:
    """The value of the property in Nova's spelling."""
    if name in FLAGS:
        return str(text.lower() in TRUE)
    known = SPELLINGS.get(name)
    return text if known is None else known.get(text.lower(), text.lower())
