"""Every link leads somewhere, every page is found from the index, every proof that a page names is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.docs import pages

INDEX = pages.ROOT / "docs/index.md"
DECISIONS = sorted((pages.ROOT / "docs/adr").glob("*.md"))
PROOF = re.compile(r"\]\((tests/[\w/]+\.py)\)((?: *,? *`test_\w+`)+)")
TEST = re.compile(r"`(test_\w+)`")
PATH = re.compile(r"`((?:tests|states|orchestrator|templates|store)/[\w./]+?)(?:\.\.\.)?`")
every = pytest.mark.parametrize("page", pages.PAGES, ids=pages.name)


@every
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for link in pages.links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.is_relative_to(pages.ROOT) or not target.exists() or (anchor and anchor not in pages.anchors(target)):
            lost.append(link)
    assert lost == []


@every
def test_paths_that_are_named_are_there(page: Path) -> None:
    places = (pages.ROOT, pages.ROOT / "orchestrator")
    found = PATH.findall(pages.prose(page))
    assert [path for path in found if not any((place / path).exists() for place in places)] == []


@every
def test_pages_speak_of_the_product_alone(page: Path) -> None:
    """Nothing of the machine that a page was written on."""
    assert re.findall(r"/tmp/\S*|/root/\S*", page.read_text()) == []


def test_the_index_names_every_page() -> None:
    linked = {(INDEX.parent / link.partition("#")[0]).resolve() for link in pages.links(INDEX)}
    assert [pages.name(page) for page in pages.PAGES if page.resolve() not in linked | {INDEX}] == []


def test_decisions_are_numbered_in_a_row_and_titled_by_their_files() -> None:
    assert [page.name[:4] for page in DECISIONS] == [f"{number:04d}" for number in range(1, len(DECISIONS) + 1)]
    assert [page.name for page in DECISIONS if not page.read_text().startswith(f"# {page.name[:4]}: ")] == []


@pytest.mark.parametrize("page", DECISIONS, ids=pages.name)
def test_a_decision_is_one_page_that_names_its_proof(page: Path) -> None:
    text = page.read_text()
    assert len(text.splitlines()) <= 60
    assert "## Decision" in text
    assert "## Proven by" in text


def test_every_promise_names_a_test_that_is_there() -> None:
    readme = (pages.ROOT / "README.md").read_text()
    table = readme.partition("## What it promises")[2].partition("\n## ")[0]
    rows = [row for row in table.splitlines() if row.startswith("| ")][1:]
    assert rows
    for row in rows:
        proofs = PROOF.findall(row)
        assert proofs or "tests/docs" in row, row
        for path, tests in proofs:
            defined = set(re.findall(r"def (test_\w+)", (pages.ROOT / path).read_text()))
            assert set(TEST.findall(tests)) <= defined, row
