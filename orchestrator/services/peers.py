"""A lost image whose source is gone, from another host that holds it: read through this machine, held to its manifest, and sent in the source's place."""

from __future__ import annotations

import contextlib
import posixpath
import zlib
from collections.abc import Iterator, Sequence

from msgspec import structs

from orchestrator.commands.command import Batch, Command, Record
from orchestrator.drivers.images import cache
from orchestrator.facts.image_cache import Held
from orchestrator.model import errors
from orchestrator.model.desired import Image
from orchestrator.model.host import Host
from orchestrator.planning.course import Course
from orchestrator.planning.leg import Leg, tagged
from orchestrator.ports.copies import Copies
from orchestrator.services import images
from orchestrator.services.app import App

STEP = "block_device_mapping.fetch_image"
PIECE = 960 * 1024
"""Bytes read at once: packed, they stay below what a read may answer, whatever they are."""
AT_ONCE = 48
"""Pieces a round trip."""
READ = 'dd if="$1" bs="$2" skip="$3" count=1 2>/dev/null | gzip -1'
"""path bytes number: a piece, packed: most of a disk is zeros."""


@contextlib.contextmanager
def supplied(app: App, courses: Sequence[Course]) -> Iterator[Sequence[Course]]:
    """The courses; where one would bring an image whose source is gone, and another host holds it, with that one as the source.

    An instance that ran takes an image from an address from other hosts first: they have the very bytes, whatever has become of the address.
    """
    wanted = {_leg(course).unless: course for course in courses if _leg(course).actions and _gone(app, course)}
    with contextlib.ExitStack() as stack:
        found: dict[str, Image] = {}
        for base, course in wanted.items():
            if app.copies and (image := _from_peer(app, app.copies, course, base)):
                stack.callback(app.copies.drop, image.source)
                found[base] = image
        yield [_with(course, found[_leg(course).unless]) if _leg(course).unless in found else course for course in courses]


def _leg(course: Course) -> Leg:
    return next((leg for leg in course.legs if leg.step == STEP), Leg("", "", "", (), (), None))


def _gone(app: App, course: Course) -> bool:
    image = course.record.instance.image
    if image.remote:
        return course.record.instance.launched
    return app.copies is not None and not app.copies.there(image.source, image.size)


def _with(course: Course, image: Image) -> Course:
    origin = course.record.instance.image
    legs = tuple(
        structs.replace(leg, actions=tagged(cache.fetch(image, leg.unless, origin), STEP)) if leg.step == STEP and leg.actions else leg
        for leg in course.legs
    )
    return structs.replace(course, legs=legs)


def _from_peer(app: App, copies: Copies, course: Course, base: str) -> Image | None:
    """The image as it lies in another host's cache, copied here; None when no host that answers holds it whole, or there is no room here.

    It has to be what this host's own manifest says that the disks rest on; the other one's word counts only where that is lost as well.
    """
    known, own = app.store.capacities(), course.record.instance.host
    hosts = [host for name, host in app.inventory.hosts.items() if name in known or name == own]
    found = [
        (shelf.host, held)
        for shelf in images.shelves(app, hosts)
        for held in shelf.images
        if posixpath.basename(held.path) == posixpath.basename(base)
    ]
    was = next((held.digest for host, held in found if host.name == own and held.digest), None)
    for host, held in found:
        if host.name != own and held.digest and held.size == held.wanted and was in (None, held.digest):
            try:
                if path := copies.keep(held.digest, _pieces(app, host, held)):
                    return _image(course.record.instance.image, path, held)
            except errors.HostError:  # another one may answer
                continue
            except errors.OrchestratorError:  # no room here: the source is all there is
                return None
    return None


def _image(origin: Image, path: str, held: Held) -> Image:
    disk_format = "iso" if origin.disk_format == "iso" else "raw"
    return Image(origin.name, path, held.digest, disk_format, held.size or 0, held.size or 0)


def _pieces(app: App, host: Host, held: Held) -> Iterator[bytes]:
    """The image's bytes. Raises HostError when they cannot be read."""
    count = -(-(held.size or 0) // PIECE)
    for first in range(0, count, AT_ONCE):
        numbers = range(first, min(first + AT_ONCE, count))
        reads = tuple(Command(("sh", "-c", READ, "read-image", held.path, str(PIECE), str(number)), timeout=120) for number in numbers)
        for record in app.transport.run(host, Batch(f"read-{host.name}", 0, reads=reads), _ignore):
            yield _unpacked(record, host)


def _unpacked(record: Record, host: Host) -> bytes:
    try:
        return zlib.decompress(record.output, wbits=31)
    except zlib.error as error:
        raise errors.HostError("an image cannot be read", host.name, record.error.strip() or str(error)) from None


def _ignore(record: Record) -> None:
    """Reads are answered as a whole."""
