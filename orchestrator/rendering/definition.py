"""The definition of a guest that others made: as it was found, to the letter, with our mark, and with what it was given since."""

from __future__ import annotations

import re

MARK = re.compile(r"[ \t]*<orchestrator:instance\b[^>]*?(?:/>|>\s*</orchestrator:instance>)\n?")
EMPTY = re.compile(r"[ \t]*<metadata>\s*</metadata>\n?|[ \t]*<metadata/>\n?")
METADATA = re.compile(r"^  <metadata>\n", re.MULTILINE)
UUID = re.compile(r"^  <uuid>[0-9a-f-]{36}</uuid>\n", re.MULTILINE)
DEVICES = re.compile(r"^  </devices>\n", re.MULTILINE)


def bare(xml: str) -> str:
    """What libvirt shows of a domain, without a mark of ours."""
    return EMPTY.sub("", MARK.sub("", xml)).strip("\n") + "\n"


def whole(xml: str) -> bool:
    """Whether the places are there that something is put into: libvirt writes each on a line of its own."""
    return bool(UUID.search(xml) and DEVICES.search(xml))


def marked(xml: str, mark: str, devices: str) -> str:
    """The definition with the mark in its metadata, and with these devices after its own."""
    found = METADATA.search(xml) or UUID.search(xml)
    assert found  # noqa: S101  # what is not whole is not recorded
    inside = mark if "<metadata>" in found[0] else f"  <metadata>\n{mark}  </metadata>\n"
    head, tail = xml[: found.end()] + inside, xml[found.end() :]
    *_, last = DEVICES.finditer(tail)
    return head + tail[: last.start()] + devices + tail[last.start() :]
