"""The scripts of the image cache: judged by the inspectors that the real script is held to (tests/images)."""

from __future__ import annotations

import gzip
import hashlib
import posixpath
import re

from orchestrator.drivers.images import cache, download, gate, iso, qcow2, raw
from orchestrator.facts import base_digest, cached, image_cache
from orchestrator.model import errors
from orchestrator.services import images as services
from orchestrator.services import peers
from tests.fakes import coreutils, disks
from tests.fakes.state import Directory, File, Result, State, failed

INSPECTORS = {"qcow2": qcow2.virtual_size, "raw": raw.virtual_size, "iso": iso.virtual_size}


def content(file: File) -> bytes:
    return b"".join(file.chunks())


def said(text: str, code: int = 1) -> Result:
    """A script that refuses says so on stdout."""
    return Result(code, f"{text}\n".encode())


def bases(state: State, paths: tuple[str, ...]) -> Result:
    lines = []
    for path in paths:
        found, manifest = state.files.get(path), state.file(f"{path}.sha256")
        if found:
            size = found.size if isinstance(found, File) else 4096
            kind = "directory" if isinstance(found, Directory) else "regular file" if size else "regular empty file"
            lines.append(f"{kind}:{size}\t{manifest.content.split()[1].decode() if manifest else ''}\t{path}\n")
    return Result(0, "".join(lines).encode())


def fetch(state: State, operands: tuple[str, ...]) -> Result:
    url, part, most = operands
    found = state.web.get(url)
    if found is None:
        return said(f"{url}: expected an image, got status 404")
    if len(found) > int(most):
        return said(f"the image is not fetched: {url} is larger than {most} bytes, which are allowed or there is room for")
    state.files[part] = File(found)
    return Result()


def check(state: State, operands: tuple[str, ...]) -> Result:
    path, algorithm, digest, name = operands
    file = state.file(path)
    if not file:
        return failed(f"sh: cannot open {path}: No such file", 2)
    got = hashlib.new(algorithm, content(file)).hexdigest()
    if got == digest:
        return Result()
    del state.files[path]
    return said(f"{name}: expected {algorithm}:{digest}, got {algorithm}:{got}, of {file.size} bytes", cache.REFUSED)


def inspect(state: State, operands: tuple[str, ...]) -> Result:
    path, disk_format, most = operands
    file = state.file(path)
    if not file:
        return said(f"{path} is not a regular file")
    whole = content(file)
    try:
        virtual = INSPECTORS[disk_format](lambda offset, length: whole[offset : offset + length], len(whole))
    except errors.SpecError as error:
        del state.files[path]
        return said(f"the image is refused: {error.why}", cache.REFUSED)
    if virtual > int(most):
        del state.files[path]
        return said(f"the image is refused: its disk has {virtual} bytes, {most} are allowed", cache.REFUSED)
    return Result()


def convert(state: State, operands: tuple[str, ...]) -> Result:
    part, converted, *argv = operands
    done = disks.prlimit(state, tuple(argv), b"")
    if done.code:
        for path in (part, converted):
            state.files.pop(path, None)
    return done


def seal(state: State, operands: tuple[str, ...]) -> Result:
    converted, base, part, about = operands
    manifest = f"{base}.sha256"
    if base in state.files:
        for path in (converted, part):
            state.files.pop(path, None)
        return Result()
    file = state.file(converted)
    if not file:
        return failed(f"sync: error opening '{converted}': {coreutils.MISSING}")
    digest, was = coreutils.digest(file), state.file(manifest)
    if was and was.content.split(b"\n")[1].split()[0].decode() != digest:
        for path in (converted, part):
            state.files.pop(path, None)
        return said(f"{base} was another one: disks may rest on what it was; remove {manifest} if none does")
    state.files[manifest] = File(f"# {file.size} {about}\n{digest}  {posixpath.basename(base)}\n".encode())
    state.files.pop(part, None)
    state.files[base] = state.files.pop(converted)
    return Result()


def fits(state: State, operands: tuple[str, ...]) -> Result:
    path, most, whose = operands
    file = state.file(path)
    if not file or file.size > int(most):
        return said(f"the image has a disk of {file.size if file else ''} bytes, the {whose} one of {most}", cache.REFUSED)
    return Result()


def held(state: State, operands: tuple[str, ...]) -> Result:
    (instances,) = operands
    lines = []
    every = {path.removesuffix(".sha256") for path in state.files if path.startswith(f"{instances}/_base/")}
    for path in sorted(each for each in every if re.fullmatch("[0-9a-f]{40}", posixpath.basename(each))):
        file, manifest = state.file(path), state.file(f"{path}.sha256")
        about = "\t".join(manifest.content.decode().splitlines()[:2]) + "\t" if manifest else ""
        size = f"{file.size} {-(-len(file.content) // 512)} 90000" if file else "- 0 0"
        lines.append(f"base\t{posixpath.basename(path)}\t{size}\t{about}\n")
    for path in sorted(state.files):
        file = state.file(path)
        under = disks.backing(file) if file and re.fullmatch(f"{re.escape(instances)}/[^/]+/disk[^/]*", path) else None
        if under and re.fullmatch(".*/_base/[0-9a-f]+", under):
            lines.append(f"use\t{posixpath.basename(under)}\t../{path.removeprefix(f'{instances}/')}\n")
    return Result(0, "".join(lines).encode())


def piece(state: State, operands: tuple[str, ...]) -> Result:
    path, size, number = operands
    file, start = state.file(path), int(size) * int(number)
    length = max(0, min(int(size), (file.size if file else 0) - start))
    found = (file.content[start : start + length] if file else b"").ljust(length, b"\0")
    return Result(0, gzip.compress(found, 1, mtime=0))


def sums(state: State, paths: tuple[str, ...]) -> Result:
    found = ((path, state.file(path)) for path in paths)
    return Result(0, "".join(f"{coreutils.digest(file)}  {path}\n" for path, file in found if file).encode())


def remove(state: State, operands: tuple[str, ...]) -> Result:
    base, instances = operands
    overlays = (path for path in state.files if re.fullmatch(f"{re.escape(instances)}/[^/]+/disk[^/]*", path))
    for path in overlays:
        file = state.file(path)
        if file and posixpath.basename(base).encode() in file.content[:4096]:
            return said(f"{path} rests on it")
    for path in (base, f"{base}.sha256"):
        state.files.pop(path, None)
    return Result()


def sum_bases(state: State, paths: tuple[str, ...]) -> Result:
    """Of each base with a manifest: what it is, and what it was."""
    lines = []
    for path in paths:
        file, manifest = state.file(path), state.file(f"{path}.sha256")
        was = re.search(rb"^([0-9a-f]{64})  ", manifest.content, re.MULTILINE) if manifest else None
        lines += [f"{coreutils.digest(file)}\t{was[1].decode()}\t{path}\n"] if file and was else []
    return Result(0, "".join(lines).encode())


SCRIPTS = {
    image_cache.SCRIPT: held,
    services.SUM: sums,
    peers.READ: piece,
    services.REMOVE: remove,
    cache.FITS: fits,
    cached.SCRIPT: bases,
    base_digest.SCRIPT: sum_bases,
    download.SCRIPT: fetch,
    cache.CHECK: check,
    gate.SCRIPT: inspect,
    cache.OR_REMOVE: convert,
    cache.SEAL: seal,
}
