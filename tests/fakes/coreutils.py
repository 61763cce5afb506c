"""Files: the coreutils that our commands use, as Debian 12's answer under LC_ALL=C."""

from __future__ import annotations

import functools
import hashlib
import posixpath
import re
import urllib.parse
from collections.abc import Callable, Iterator

from tests.fakes.state import Directory, File, Result, State, UnknownError, failed

JOBS = "/run/orchestrator/jobs/"
MISSING = "No such file or directory"


def options(argv: tuple[str, ...], known: str) -> tuple[str, list[str]]:
    """Single-letter options given, and the operands. UnknownError options are not understood."""
    given, rest = "", list(argv[1:])
    while rest and rest[0].startswith("-") and rest[0] != "-":
        word = rest.pop(0)
        if word == "--":
            break
        if word.startswith("--") or not set(word[1:]) <= set(known):
            raise UnknownError
        given += word[1:]
    return given, rest


def norm(path: str) -> str:
    """The path without a trailing slash."""
    return path.rstrip("/") or "/"


def parent(state: State, path: str) -> str | None:
    """Why nothing can be made at `path`, None if it can."""
    above = state.files.get(posixpath.dirname(norm(path)))
    if above is None:
        return MISSING
    return None if isinstance(above, Directory) else "Not a directory"


def below(state: State, path: str) -> list[str]:
    """Everything in the directory, at any depth."""
    return [each for each in state.files if each.startswith(f"{path}/")]


def _gather(results: Iterator[Result]) -> Result:
    """One program working through its operands."""
    every = list(results)
    code = max((each.code for each in every), default=0)
    return Result(code, b"".join(each.out for each in every), b"".join(each.err for each in every))


def stat(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if argv[1] != "-c" or set(re.findall(r"%(.)", argv[2])) - set("Fnsa"):
        raise UnknownError
    paths = argv[4:] if argv[3] == "--" else argv[3:]
    return _gather(_stat(state, argv[2], path) for path in paths)


def _stat(state: State, form: str, path: str) -> Result:
    found = state.files.get(norm(path))
    if found is None:
        return failed(f"stat: cannot statx '{path}': {MISSING}")
    size = found.size if isinstance(found, File) else 4096
    kind = "directory" if isinstance(found, Directory) else "regular file" if size else "regular empty file"
    kind = "symbolic link" if isinstance(found, File) and found.link else kind
    values = {"F": kind, "n": path, "s": str(size), "a": f"{found.mode:o}"}
    return Result(0, re.sub(r"%([Fnsa])", lambda match: values[match[1]], form).encode() + b"\n")


def digest(file: File) -> str:
    """sha256 of the whole file, in hex."""
    return _digest(file.content, file.size)


@functools.lru_cache(64)
def _digest(content: bytes, size: int) -> str:
    """Worked out once: disks are large, and mostly holes."""
    found = hashlib.sha256()
    for chunk in File(content, size).chunks():
        found.update(chunk)
    return found.hexdigest()


def sha256sum(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    if argv[1:] == ("--check", "--status", "-"):
        return _gather(_check(state, line) for line in stdin.decode().splitlines())
    _, paths = options(argv, "")
    return _gather(_sum(state, path) for path in paths)


def _sum(state: State, path: str) -> Result:
    found = state.files.get(path)
    if not isinstance(found, File):
        return failed(f"sha256sum: {path}: {'Is a directory' if found else MISSING}")
    return Result(0, f"{digest(found)}  {path}\n".encode())


def _check(state: State, line: str) -> Result:
    wanted, path = line.split("  ", 1)
    found = _sum(state, path)
    return found if found.code else Result(0 if found.out.decode().startswith(wanted) else 1)


def cat(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    _, paths = options(argv, "")
    return _gather(_cat(state, path, stdin) for path in paths or ["-"])


def _cat(state: State, path: str, stdin: bytes) -> Result:
    if path == "-":
        return Result(0, stdin)
    if path.startswith(JOBS):
        return _out(state, path)
    found = state.files.get(path)
    if not isinstance(found, File):
        return failed(f"cat: {path}: {'Is a directory' if found else MISSING}")
    return Result(0, b"".join(found.chunks()))


def _out(state: State, path: str) -> Result:
    """A job's own file of its records, as the guard writes it."""
    job = state.jobs.get(urllib.parse.unquote(path.removeprefix(JOBS).removesuffix("/out")))
    if job is None or not job.batch.lanes:
        return failed(f"cat: {path}: {MISSING}")
    numbers = {lane.key: number for number, lane in enumerate(job.batch.lanes)}
    lines = (f"lane {numbers[each.lane]} {each.index} {each.kind} {each.code} \n" for each in job.records)
    return Result(0, "".join(lines).encode())


def mkdir(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    mode = 0o755
    if "-m" in argv:
        at = argv.index("-m")
        mode, argv = int(argv[at + 1], 8), argv[:at] + argv[at + 2 :]
    given, paths = options(argv, "p")
    return _gather(_mkdir(state, norm(path), bool(given), mode) for path in paths)


def _mkdir(state: State, path: str, parents: bool, mode: int = 0o755) -> Result:
    found = state.files.get(path)
    if isinstance(found, File) or (found and not parents):
        return failed(f"mkdir: cannot create directory '{path}': File exists")
    above = posixpath.dirname(path)
    if parents and above not in state.files:
        made = _mkdir(state, above, parents)
        if made.code:
            return made
    why = parent(state, path)
    if why:
        return failed(f"mkdir: cannot create directory '{above if parents else path}': {why}")
    state.files.setdefault(path, Directory(mode))
    return Result()


def install(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """An empty file of a mode, in place of what was there."""
    if argv[1:3] != ("-T", "-m") or argv[4:6] != ("--", "/dev/null"):
        raise UnknownError
    path = argv[6]
    why = parent(state, path)
    if why:
        return failed(f"install: cannot create regular file '{path}': {why}")
    if isinstance(state.files.get(path), Directory):
        return failed(f"install: cannot overwrite directory '{path}' with non-directory")
    state.files[path] = File(mode=int(argv[3], 8))
    return Result()


def rm(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    given, paths = options(argv, "rf")
    return _gather(_rm(state, norm(path), given) for path in paths)


def _rm(state: State, path: str, given: str) -> Result:
    found = state.files.get(path)
    if found is None:
        return Result() if "f" in given else failed(f"rm: cannot remove '{path}': {MISSING}")
    if isinstance(found, Directory) and "r" not in given:
        return failed(f"rm: cannot remove '{path}': Is a directory")
    for each in [*below(state, path), path]:
        del state.files[each]
    return Result()


def mv(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    given, operands = options(argv, "fnT")
    if "T" not in given or len(operands) != 2:
        raise UnknownError
    source, dest = operands
    if "n" in given and source in state.files and dest in state.files:
        return Result()  # coreutils 9.1
    why = _cannot_move(state, source, dest)
    if why:
        return failed(f"mv: {why}")
    moved = [source, *below(state, source)]
    state.files.pop(dest, None)
    state.files.update({dest + path.removeprefix(source): state.files.pop(path) for path in moved})
    return Result()


def _cannot_move(state: State, source: str, dest: str) -> str | None:
    old, new = state.files.get(source), state.files.get(dest)
    why = parent(state, dest)
    if old is None:
        return f"cannot stat '{source}': {MISSING}"
    if why:
        return f"cannot move '{source}' to '{dest}': {why}"
    if isinstance(new, Directory) and isinstance(old, File):
        return f"cannot overwrite directory '{dest}' with non-directory"
    if isinstance(new, File) and isinstance(old, Directory):
        return f"cannot overwrite non-directory '{dest}' with directory '{source}'"
    if isinstance(new, Directory) and below(state, dest):
        return f"cannot move '{source}' to '{dest}': Directory not empty"
    return None


def chmod(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    mode, *paths = (word for word in argv[1:] if word != "--")
    return _gather(_chmod(state, int(mode, 8), path) for path in paths)


def _chmod(state: State, mode: int, path: str) -> Result:
    found = state.files.get(norm(path))
    if found is None:
        return failed(f"chmod: cannot access '{path}': {MISSING}")
    found.mode = mode
    return Result()


def sync(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    _, paths = options(argv, "")
    missing = (path for path in paths if norm(path) not in state.files)
    return _gather(failed(f"sync: error opening '{path}': {MISSING}") for path in missing)


def truncate(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    given, operands = options(argv, "s")
    if given != "s":
        raise UnknownError
    size, *paths = (operand for operand in operands if operand != "--")
    return _gather(_truncate(state, int(size), path) for path in paths)


def _truncate(state: State, size: int, path: str) -> Result:
    why = parent(state, path) or ("Is a directory" if isinstance(state.files.get(path), Directory) else None)
    if why:
        return failed(f"truncate: cannot open '{path}' for writing: {why}")
    before = state.file(path) or File()
    state.files[path] = File(before.content[:size], size, before.mode)
    return Result()


def printf(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    """`printf FORMAT [TEXT...]` with %s, \\n, \\t and octal escapes, as /usr/bin/printf prints them."""
    form, *texts = argv[1:] if argv[1] != "--" else argv[2:]
    if re.search(r"%[^s%]|\\[^nt0-7\\]", form):
        raise UnknownError
    rounds = max(1, -(-len(texts) // form.count("%s"))) if "%s" in form else 1
    rest = iter(texts)
    out = "".join(re.sub(r"%s|%%|\\(?:[nt\\]|[0-7]{1,3})", lambda match: _expanded(match[0], rest), form) for _ in range(rounds))
    return Result(0, out.encode("utf-8", "surrogateescape"))


def _expanded(part: str, texts: Iterator[str]) -> str:
    if part == "%s":
        return next(texts, "")
    plain = {"%%": "%", "\\n": "\n", "\\t": "\t", "\\\\": "\\"}
    return plain[part] if part in plain else bytes([int(part[1:], 8)]).decode("utf-8", "surrogateescape")


def echo(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    return Result(0, " ".join(argv[1:]).encode("utf-8", "surrogateescape") + b"\n")


def true(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    return Result()


def false(state: State, argv: tuple[str, ...], stdin: bytes) -> Result:
    return Result(1)


PROGRAMS: dict[str, Callable[[State, tuple[str, ...], bytes], Result]] = {
    program.__name__: program
    for program in (stat, sha256sum, cat, mkdir, install, rm, mv, chmod, sync, truncate, printf, echo, true, false)
}
