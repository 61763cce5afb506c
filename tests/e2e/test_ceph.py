"""The Ceph cluster that tests of volumes use: what one host writes another reads."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.e2e import ceph
from tests.e2e.conftest import Lab

pytestmark = [
    pytest.mark.practice_hosts,
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root"),
    pytest.mark.skipif(not ceph.there(), reason="needs ceph-mon, ceph-osd and ceph-common"),
]


@pytest.fixture
def cluster(lab: Lab) -> Iterator[tuple[Lab, str, str]]:
    """The lab, the host with the cluster, another host."""
    first, second = list(lab.hosts)[:2]
    ceph.start(lab, first)
    yield lab, first, second
    ceph.stop(lab, first)


def test_what_one_host_writes_another_reads(cluster: tuple[Lab, str, str]) -> None:
    lab, first, second = cluster
    image = f"{ceph.POOL}/one"
    lab.on(first, "rbd", "create", "--size", "8M", image)
    lab.on(first, "qemu-io", "-f", "raw", "-c", "'write -P 0x5a 0 64k'", f"rbd:{image}")
    assert "read 65536/65536" in lab.on(second, "qemu-io", "-f", "raw", "-c", "'read -P 0x5a 0 64k'", f"rbd:{image}")
    assert lab.on(second, "rbd", "ls", ceph.POOL).split() == ["one"]
