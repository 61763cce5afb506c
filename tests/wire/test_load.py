"""One connection under load: whatever channels do to each other in it, no batch is lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contracts import sshd
from tests.wire import load

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="logs in as root")


def test_a_thousand_batches_from_eight_threads_come_back_whole_over_one_connection(tmp_path: Path) -> None:
    with sshd.sshd(tmp_path / "sshd") as server:
        found = load.load(server, 1000)
    assert (dict(found.lost), found.wrong, found.logins) == ({}, 0, 1)
