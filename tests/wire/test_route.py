"""The way to a host, from the inventory's words and ~/.ssh/config's."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.connections import library, route, ssh_config
from orchestrator.model import errors
from orchestrator.model.host import Host


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    library.load()
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    return tmp_path / ".ssh" / "config"


def ways(host: Host) -> list[tuple[str, str, int, str]]:
    return [(hop.label, hop.address, hop.port, hop.user) for hop in route.resolve(host, ssh_config.Config())]


def test_without_a_file(config: Path) -> None:
    (hop,) = route.resolve(Host("h1", "10.0.0.1", user="op", private_key_file="/k"), ssh_config.Config())
    assert (hop.address, hop.port, hop.user, hop.private_key_file, hop.strict) == ("10.0.0.1", 22, "op", "/k", True)
    assert hop.known_hosts == (str(config.parent / "known_hosts"), "/etc/ssh/ssh_known_hosts")
    assert hop.where == "h1 (10.0.0.1:22)"


def test_file_fills_what_the_inventory_leaves_open(config: Path) -> None:
    config.write_text("Host web\n HostName 10.0.0.9\n Port 2200\n User filed\n IdentityFile ~/k\n UserKnownHostsFile ~/kh /other\n")
    (hop,) = route.resolve(Host("h1", "web"), ssh_config.Config())
    assert (hop.address, hop.port, hop.user) == ("10.0.0.9", 2200, "filed")
    assert hop.identity_files == (str(config.parent.parent / "k"),)
    assert hop.known_hosts == (str(config.parent.parent / "kh"), "/other", "/etc/ssh/ssh_known_hosts")
    assert ways(Host("h1", "web", port=22000, user="op"))[0][2:] == (22000, "op")


def test_options_of_the_inventory_come_first(config: Path) -> None:
    config.write_text("Host *\n UserKnownHostsFile /filed\n StrictHostKeyChecking no\n")
    options = {"UserKnownHostsFile": "/mine", "StrictHostKeyChecking": "yes", "IdentityFile": "/k", "IdentitiesOnly": "yes"}
    (hop,) = route.resolve(Host("h1", "h1", user="op", ssh_options=options), ssh_config.Config())
    assert (hop.known_hosts[0], hop.strict, hop.identity_files, hop.identities_only) == ("/mine", True, ("/k",), True)


def test_jumps(config: Path) -> None:
    config.write_text("Host b1\n HostName 10.0.0.2\n User jumper\n ProxyJump outer:2200\nHost b2\n ProxyJump never\n")
    host = Host("h1", "h1", user="op", ssh_options={"ProxyJump": "b1,me@[fe80::1]:99,b2"})
    assert ways(host) == [
        ("h1 through outer", "outer", 2200, ways(Host("x", "x"))[0][3]),
        ("h1 through b1", "10.0.0.2", 22, "jumper"),
        ("h1 through fe80::1", "fe80::1", 99, "me"),
        ("h1 through b2", "b2", 22, ways(Host("x", "x"))[0][3]),
        ("h1", "h1", 22, "op"),
    ]


def test_jumps_that_lead_nowhere(config: Path) -> None:
    config.write_text(
        "Host a\n ProxyJump b\nHost b\n ProxyJump a\nHost p\n ProxyCommand nc %h %p\nHost q\n Port many\nHost n\n ProxyJump none\n"
    )
    for name, text in {"a": "circle", "p": "ProxyCommand is not supported", "q": "cannot be used"}.items():
        with pytest.raises(errors.HostError, match=text):
            route.resolve(Host("h1", name), ssh_config.Config())
    assert len(ways(Host("h1", "n"))) == 1


def test_included_files(config: Path) -> None:
    (config.parent / "d").mkdir()
    (config.parent / "d" / "1").write_text("Host web\n Port 1\n User one\n")
    (config.parent / "d" / "2").write_text("Host web db\n Port 2\n")
    (config.parent / "loop").write_text("Include loop\n")
    config.write_text("Include d/* ~/.ssh/missing\nUser all\nInclude=loop\nHost inner\n Include d/2\n HostName 10.0.0.5\n")
    assert ways(Host("h1", "web")) == [("h1", "web", 1, "one")]
    assert ways(Host("h1", "db")) == [("h1", "db", 2, "all")]
    assert ways(Host("h1", "inner")) == [("h1", "10.0.0.5", 22, "all")]


def test_match_exec_is_refused(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paramiko.config.invoke", None)  # as library.load leaves it, whoever loaded paramiko here
    monkeypatch.setattr("paramiko.config.invoke_import_error", ImportError())
    config.write_text('Match exec "true"\n User x\n')
    with pytest.raises(errors.HostError, match="Match exec is not supported"):
        ways(Host("h1", "h1"))
