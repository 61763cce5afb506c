"""A folder with what playbooks name, and a way to load one from its text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from orchestrator.files import playbook
from orchestrator.model import desired
from tests.playbook import samples


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., desired.Desired]:
    """Loads a playbook's text, with an image of 1 GiB and a public key beside it."""
    (tmp_path / "disk.qcow2").write_bytes(samples.Qcow2().content())
    (tmp_path / "key.pub").write_text(f"# ours\n{samples.KEY}\n")

    def loaded(text: str, variables: Mapping[str, object] | None = None, **options: object) -> desired.Desired:
        (tmp_path / "site.yaml").write_text(text)
        return playbook.load([tmp_path / "site.yaml"], samples.INVENTORY, variables or {}, **options)  # type: ignore[arg-type]

    return loaded
