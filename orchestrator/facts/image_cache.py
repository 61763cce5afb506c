"""The images in a host's cache, with what their manifests say of them and which disk files rest on them. Blank bases are made anew at will and are none."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record

# One fixed script, instances_path is its argument. `base`: name, bytes (- when only the manifest is left), blocks, age, manifest; `use`: name, disk.
SCRIPT = r"""
cd -- "$1/_base" 2>/dev/null || exit 0
now=$(date +%s)
for f in *; do
  b=${f%.sha256}
  case $b in *[!0-9a-f]*) continue ;; esac
  [ "${#b}" = 40 ] && [ -f "$f" ] && [ ! -h "$f" ] || continue
  if [ -f "$b" ]; then [ "$f" = "$b" ] || continue; s=$(stat -c "%s %b $((now - $(stat -c %Y -- "$b")))" -- "$b"); else s='- 0 0'; fi
  printf 'base\t%s\t%s\t%s\n' "$b" "$s" "$(head -n 2 -- "$b.sha256" 2>/dev/null | tr '\n\t' '\t ')"
done
for d in ../*/disk*; do
  [ -f "$d" ] || continue
  u=$(head -c 1024 -- "$d" | tr -d '\0' | grep -ao '/_base/[0-9a-f]*' | head -n 1)
  [ -z "$u" ] || printf 'use\t%s\t%s\n' "${u##*/}" "$d"
done
"""


class Key(Struct, frozen=True):
    """The host's instances_path; the fact is a tuple of Held, by path."""

    path: str

    def __str__(self) -> str:
        return f"{self.path}/_base"


class Held(Struct, frozen=True):
    """An image in the cache: `size` of its disk and `used` on the host's in bytes, `age` in seconds since it was made; size None: it is lost, its manifest left.

    By its manifest: `wanted` bytes, `name` of the image, `source` (algorithm:digest) that it was made of, `digest` (sha256) of itself; "" without one.
    `users`: disk files that rest on it, whoever's.
    """

    path: str
    size: int | None
    used: int = 0
    age: int = 0
    wanted: int | None = None
    name: str = ""
    source: str = ""
    digest: str = ""
    users: tuple[str, ...] = ()


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return tuple(Command(("sh", "-c", SCRIPT, "image-cache", key.path), timeout=300) for key in keys)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, tuple[Held, ...]]:
    return {key: _held(key.path, record) for key, record in zip(keys, records, strict=True)}


def _held(instances_path: str, record: Record) -> tuple[Held, ...]:
    lines = [line.split("\t") for line in record.output.decode("utf-8", "replace").splitlines()]
    users: dict[str, list[str]] = {}
    for words in lines:
        if words[0] == "use":
            users.setdefault(words[1], []).append(f"{instances_path}/{words[2].removeprefix('../')}")
    return tuple(
        _base(f"{instances_path}/_base/{words[1]}", words[2:], tuple(users.get(words[1], ()))) for words in lines if words[0] == "base"
    )


def _base(path: str, words: Sequence[str], users: tuple[str, ...]) -> Held:
    size, blocks, age = words[0].split()
    there = Held(path, None if size == "-" else int(size), int(blocks) * 512, int(age), users=users)
    about, digest = [*(words[1].split(" ") if len(words) > 1 else []), "", "", ""][:4], words[2].split(" ")[0] if len(words) > 2 else ""
    if about[0] != "#" or not about[1].isdigit() or len(digest) != 64:
        return there
    return Held(path, there.size, there.used, there.age, int(about[1]), about[2], about[3], digest, users)
