"""An image into the host's cache, as raw (nova imagebackend `fetch_raw_image`): `.part`, judged, `.converted`, digest, rename.

Only the last rename makes the final name, so a file of that name is whole. Its manifest, `<base>.sha256`, is there before: whoever finds a base finds what it
must be. It outlives a base that was lost, so that the one made in its place is held to what the instances' disks rest on.
"""

from __future__ import annotations

import posixpath

from orchestrator.commands.command import Action, Command, Transfer
from orchestrator.drivers.images import download, gate
from orchestrator.model.desired import Image

LIMITS = ("prlimit", "--cpu=300", "--as=2147483648", "--")
"""A crafted image must not eat the host (CVE-2015-5162): 300 s of CPU, 2 GiB of address space (nova QEMU_IMG_LIMITS allows 1 GiB, too little for qemu 7)."""
REFUSED = 65
"""Exit code of what judges images (EX_DATAERR): no other host would take it either."""
QEMU_FORMATS = {"qcow2": "qcow2", "raw": "raw", "iso": "raw"}

CHECK = r"""
got=$("$2sum" <"$1") && got=${got%% *} || exit 1
[ "$got" = "$3" ] || { echo "$4: expected $2:$3, got $2:$got, of $(stat -c %s -- "$1") bytes"; rm -f -- "$1"; exit 65; }
"""
"""path algorithm digest name: ends with 0 when the file's content is what the digest says; otherwise says what it is, and removes it."""

OR_REMOVE = r"""
trap : TERM; part=$1 converted=$2; shift 2
"$@" || { c=$?; rm -f -- "$part" "$converted"; exit "$c"; }
"""
"""part converted argv...: runs argv; nothing of either file is left when it fails, of a full disk say."""

SEAL = r"""
trap : TERM; converted=$1 base=$2 part=$3 about=$4
sum() { sed -n 's/^\([0-9a-f]\{64\}\)  .*/\1/p' "$1" 2>/dev/null; }
fail() { echo "$*"; rm -f -- "$converted" "$base.sha256.part" "$part"; exit 1; }
[ ! -e "$base" ] || { rm -f -- "$converted" "$part"; exit 0; }
sync "$converted" || fail "$converted cannot be written out"
got=$(sha256sum <"$converted") && got=${got%% *} || fail "$converted cannot be read"
was=$(sum "$base.sha256")
[ -z "$was" ] || [ "$was" = "$got" ] ||
  fail "$base was sha256:$was and would be sha256:$got: disks may rest on what it was; remove $base.sha256 if none does"
printf '# %s %s\n%s  %s\n' "$(stat -c %s -- "$converted")" "$about" "$got" "${base##*/}" >"$base.sha256.part" || fail "no room for $base.sha256"
sync "$base.sha256.part" && mv -fT -- "$base.sha256.part" "$base.sha256" || fail "$base.sha256 cannot be written"
rm -f -- "$part" && mv -T -- "$converted" "$base" && sync "${base%/*}"
"""
"""converted base part about: the manifest in sha256sum's own form (a comment before it: bytes, and what the base came from), then the base; both on disk.

A base that is there by now is kept.
"""


FITS = r"""
[ "$(stat -c %s -- "$1")" -le "$2" ] || { echo "the image has a disk of $(stat -c %s -- "$1") bytes, the $3 one of $2"; exit 65; }
"""
"""base bytes whose: an image from elsewhere is only measured once it is there; a disk smaller than its base would cut it off."""


def fetch(image: Image, base: str, origin: Image | None = None) -> tuple[Action, ...]:
    """Actions that bring `image` to `base`, as raw. Each says what it expected and got when it refuses, and leaves nothing behind.

    `origin` is what the manifest names, when `image` is a copy of what was once made of it.
    """
    part, converted = f"{base}.part", f"{base}.converted"
    comes = download.fetch(image, part) if image.remote else Transfer(image.source, part, image.size)
    named = origin or image
    about = f"{named.name} {named.algorithm}:{named.digest}"
    convert = (*LIMITS, "qemu-img", "convert", "-f", QEMU_FORMATS[image.disk_format], "-O", "raw", part, converted)
    return (
        Command(("mkdir", "-p", "--", posixpath.dirname(base))),
        comes,
        Command(("sh", "-c", CHECK, "check-image", part, image.algorithm, image.digest, f"image {image.name}"), timeout=1800),
        gate.inspect(part, image.disk_format, image.virtual_size or download.MOST),
        Command(("sh", "-c", OR_REMOVE, "convert-image", part, converted, *convert), timeout=1800),
        Command(("sh", "-c", SEAL, "seal-image", converted, base, part, about), timeout=1800),
    )


def fits(base: str, size: int, whose: str) -> Command:
    """The action that refuses, with both sizes, an image that is larger than the `size` bytes of `whose` disk is made of it."""
    return Command(("sh", "-c", FITS, "image-fits", base, str(size), whose))
