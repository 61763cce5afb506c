"""The pattern grammar's own rules; that it selects what Ansible selects is shown in test_examples."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import pattern
from orchestrator.model.errors import NotFound, OrchestratorError, UsageError
from orchestrator.model.host import Host, Inventory

NAMES = ("web1", "web2", "web3", "db1", "db2", "2001:db8::7", "old")
INVENTORY = Inventory(
    hosts={name: Host(name, name) for name in NAMES},
    groups={
        "all": NAMES,
        "ungrouped": ("2001:db8::7",),
        "web": ("web3", "web1", "web2"),
        "db": ("db1", "db2"),
        "empty": (),
        "old": ("db1",),
    },
)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("db:web", "web1 web2 web3 db1 db2"),  # the inventory's order, not the pattern's
        ("web[0]", "web3"),
        ("web[-1]", "web2"),
        ("web[0:1]", "web1 web3"),
        ("web[1:]", "web1 web2"),
        ("web[5:9]:db", "db1 db2"),
        ("web[0:1]:!web3", "web1"),
        ("!web", "db1 db2 2001:db8::7 old"),
        ("!web,db,&*1", "db1"),
        ("~web[12]$", "web1 web2"),
        ("web[0-9]", "web1 web2 web3"),  # a glob: Ansible removed [x-y] as a subscript
        ("2001:db8::7", "2001:db8::7"),
        ("db, 2001:db8::7", "db1 db2 2001:db8::7"),
        ("all:!2001:db8::7", None),
        ("all,!2001:db8::7", "web1 web2 web3 db1 db2 old"),
        ("old", "old"),  # a host before a group of the same name, as in Ansible
        ("all:!none*", " ".join(NAMES)),
        ("web:empty", "web1 web2 web3"),
    ],
)
def test_selects(text: str, hosts: str | None) -> None:
    if hosts is None:
        with pytest.raises(NotFound):
            pattern.select(text, INVENTORY)
    else:
        assert pattern.select(text, INVENTORY) == tuple(hosts.split())


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        ("wbe1", NotFound, "did you mean web1"),
        ("all:!wbe1", NotFound, "no host or group 'wbe1'"),
        ("none*", NotFound, "matches no host"),
        ("empty", NotFound, "matches no host"),
        ("web:!web", NotFound, "matches no host"),
        ("web[7]", NotFound, "has 3 hosts"),
        ("web[", NotFound, "matches no host"),
        ("!", NotFound, "''"),
        ("", UsageError, "empty"),
        (" , ", UsageError, "empty"),
        ("~[", UsageError, "not a regular expression"),
    ],
)
def test_refuses(text: str, error: type[OrchestratorError], words: str) -> None:
    with pytest.raises(error) as caught:
        pattern.select(text, INVENTORY)
    assert words in str(caught.value)


@given(st.text(alphabet="webd12:,!&*?[]~-. ()", max_size=20))
def test_any_text_selects_known_hosts_or_says_why_not(text: str) -> None:
    try:
        found = pattern.select(text, INVENTORY)
    except (NotFound, UsageError):
        return
    assert found
    assert [name for name in NAMES if name in found] == list(found)
