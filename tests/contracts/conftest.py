"""Hosts and transports of the contract suites."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.connections import local, ssh
from orchestrator.model.host import Host
from orchestrator.ports.transport import Transport
from tests.contracts import sshd


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sshd.Sshd]:
    """An sshd that no test changes."""
    with sshd.sshd(tmp_path_factory.mktemp("sshd")) as running:
        yield running


@pytest.fixture(params=["ssh", "local"])
def host(request: pytest.FixtureRequest) -> Host:
    if request.param == "ssh":
        made: Host = request.getfixturevalue("server").host()
        return made
    return Host("h1", "localhost", connection="local")


@pytest.fixture
def transport(host: Host) -> Iterator[Transport]:
    made: Transport = local.LocalTransport() if host.connection == "local" else ssh.SshTransport()
    yield made
    made.close()
