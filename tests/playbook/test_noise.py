"""Whatever stands in a playbook, it gives a desired state or errors with places, and nothing else."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.files import playbook
from orchestrator.files.playbook import entries
from orchestrator.model import desired, errors
from tests.playbook import samples

WORDS = [
    "name",
    "hosts",
    "all",
    "vars",
    "vars_files",
    "loop",
    "when",
    "file",
    "a",
    "web",
    "{{ item }}",
    "{{ a }}",
    "{{ range(3) }}",
    "{% x %}",
]
KEYS = sorted({*WORDS, *(field for model in entries.MODELS.values() for field in model.__struct_fields__), *entries.Play.__struct_fields__})
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([*KEYS, "10.0.0.0/24", "10.0.0.1", "flat"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), inner, max_size=6),
    max_leaves=20,
)
ENTRIES = st.fixed_dictionaries(
    {"name": st.sampled_from(["web", "db", "web-{{ item }}"])}, optional={key: VALUES for key in KEYS if key != "name"}
)
PLAYS = st.lists(
    st.fixed_dictionaries(
        {"hosts": st.just("all")}, optional={section: st.lists(ENTRIES, max_size=3) for section in entries.MODELS} | {"vars": VALUES}
    ),
    min_size=1,
    max_size=2,
)


def judge(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "site.yaml")
        path.write_bytes(content)
        found = load(path)
    if isinstance(found, errors.SpecErrors):
        assert all(isinstance(error, errors.SpecError) and error.where and str(error).isprintable() for error in found.errors)
        assert len({str(error) for error in found.errors}) == len(found.errors) > 0


def load(path: Path) -> desired.Desired | errors.SpecErrors:
    try:
        return playbook.load([path], samples.INVENTORY, {})
    except errors.SpecErrors as error:
        return error


@given(st.binary(max_size=300))
def test_bytes(content: bytes) -> None:
    judge(content)


@given(st.text(alphabet="-:{}[]'\"\n abc{}%|>&*!#,?~0.1\t", max_size=80))
def test_punctuation(text: str) -> None:
    judge(f"- hosts: all\n  instances:\n    - name: {text}".encode())


@given(VALUES)
def test_any_document(value: object) -> None:
    judge(json.dumps(value).encode())


@settings(max_examples=60)
@given(PLAYS)
def test_plausible_plays(plays: object) -> None:
    judge(json.dumps(plays).encode())
