"""Values come back from their text exactly, or not at all."""

from __future__ import annotations

import json
import time
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import StructMeta

from orchestrator.commands.command import Action, Command, Upload
from orchestrator.model.decision import Weight
from orchestrator.model.host import Capacity
from orchestrator.model.instance import Instance, Port
from orchestrator.ports.writes import Undo
from orchestrator.store import codec
from tests.store import samples

st.register_type_strategy(str, st.text(st.characters(exclude_categories=())))  # lone surrogates, NUL and all


def drawn(kind: Any) -> None:
    """Every field of a Struct, and of those in it, is drawn: what hypothesis takes for a default is msgspec's word for a new one."""
    if isinstance(kind, StructMeta) and kind not in DRAWN:
        DRAWN.add(kind)
        hints = typing.get_type_hints(kind)
        for hint in hints.values():
            drawn(hint)  # first: to register a strategy looks at those in it
        st.register_type_strategy(kind, st.builds(kind, **{name: st.from_type(hint) for name, hint in hints.items()}))
    for argument in typing.get_args(kind):
        drawn(argument)


DRAWN: set[StructMeta] = set()
drawn(Instance | Capacity | Undo | Command | Upload)


@given(st.one_of(st.from_type(Instance), st.from_type(Capacity), st.from_type(Undo)))
def test_what_is_written_is_read(value: object) -> None:
    text = codec.encode(type(value), value)
    assert text.isascii()
    assert codec.decode(type(value), text) == value


@given(st.lists(st.one_of(st.from_type(Command), st.from_type(Upload))).map(tuple))
def test_members_of_a_union_keep_their_class(actions: tuple[Action, ...]) -> None:
    back = codec.decode(tuple[Action, ...], codec.encode(tuple[Action, ...], actions))
    assert [(type(one), one) for one in back] == [(type(one), one) for one in actions]


def test_a_number_that_is_written_as_a_float_is_read_as_one() -> None:
    weight = Weight("RAMWeigher", 512, 1, 1)  # Python takes an int for a float
    assert codec.decode(Weight, codec.encode(Weight, weight)) == weight


def port(**changes: object) -> str:
    values = json.loads(codec.encode(Port, samples.port()))
    return json.dumps({**values, **changes})


def test_a_field_that_older_text_lacks_takes_its_default() -> None:
    values = json.loads(port())
    del values["fixed_ips"], values["interface"]
    assert codec.decode(Port, json.dumps(values)).fixed_ips == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (port(vlan=7), "Port has no field 'vlan' in this program"),
        (port(mac=7), "mac: str expected, int found"),
        (port(fixed_ips=["10.0.0.1", None]), "fixed_ips: str expected, NoneType found"),
        (port(fixed_ips={}), "fixed_ips: list expected, dict found"),
        ("{}", "Missing required argument"),
        ("[]", "dict expected, list found"),
        ("{", "Expecting property name"),
        ("[" * 200_000, "recursion"),
    ],
)
def test_text_of_something_else_is_refused(text: str, message: str) -> None:
    with pytest.raises(codec.CodecError, match=message):
        codec.decode(Port, text)


@pytest.mark.parametrize(
    "text",
    [
        '[["Reboot", {}]]',
        '[["Command"]]',
        "[7]",
        '[["Upload", {"path": "/a", "content": "%%%"}]]',
        '[["Command", {"argv": ["a"], "timeout": true}]]',
        '[["Command", {"argv": ["a"], "timeout": 1.5}]]',
    ],
)
def test_actions_of_something_else_are_refused(text: str) -> None:
    with pytest.raises(codec.CodecError):
        codec.decode(tuple[Action, ...], text)


def test_pairs_have_two() -> None:
    with pytest.raises(codec.CodecError, match="2 values expected, 3 found"):
        codec.decode(tuple[str, str], '["a", "b", "c"]')


def test_two_hundred_instances_cost_little_processor_time() -> None:
    texts = [codec.encode(Instance, samples.new(f"web{number}")) for number in range(200)]
    codec.decode(Instance, texts[0])
    begun = time.process_time()
    for text in texts:
        codec.decode(Instance, text)
    assert time.process_time() - begun < 0.25  # of the processor, not of the wall: 0.02 here
