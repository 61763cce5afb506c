"""The pages of the documentation, taken apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
MARKUP = re.compile(r"`|\[([^\]]*)\]\([^)]*\)")


class Block(Struct, frozen=True):
    """A fenced block: its language, "" for what a reader types, and its lines."""

    language: str
    text: str


def name(page: Path) -> str:
    """What tests call a page."""
    return str(page.relative_to(ROOT))


def blocks(page: Path, *languages: str) -> tuple[Block, ...]:
    """The page's blocks in these languages, in order."""
    found = (Block(*match.groups()) for match in FENCE.finditer(page.read_text()))
    return tuple(block for block in found if block.language in languages)


def prose(page: Path) -> str:
    """The page without its blocks."""
    return FENCE.sub("", page.read_text())


def links(page: Path) -> tuple[str, ...]:
    """Where the page's links lead, as written."""
    return tuple(LINK.findall(prose(page)))


def anchors(page: Path) -> set[str]:
    """What a link may have behind its `#`: headings as GitHub makes them into anchors."""
    return set(_anchors(prose(page)))


def _anchors(text: str) -> Iterator[str]:
    for heading in HEADING.findall(text):
        plain = MARKUP.sub(r"\1", heading).strip().lower()
        yield re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
