"""Variables are worked out once, in any order, and anew only where `item` changes them."""

from __future__ import annotations

import pytest

from orchestrator.files import yaml
from orchestrator.files.playbook import variables
from orchestrator.model import errors


def given(text: str) -> variables.Variables:
    node = yaml.load(text, "vars.yaml")
    assert isinstance(node, yaml.Mapping)
    return variables.Variables(variables.named(node)[0])


def test_a_value_is_worked_out_once_for_all_items() -> None:
    parent = given("many: '{{ range(100) }}'\nmore: '{{ many }}'")
    assert list(parent.complaints()) == []
    assert parent.bind(1)["more"] is parent.bind(2)["more"] is parent["more"]


def test_what_hangs_on_item_is_worked_out_anew() -> None:
    parent = given("a: \"{{ item | default('none') }}\"\nb: '{{ a }}'\nc: '{{ item }}'\nd: '{{ b if item is defined else 0 }}'\ne: 1")
    assert list(parent.complaints()) == []
    assert [parent[name] for name in "abde"] == ["none", "none", 0, 1]
    for item in (1, 2):
        assert [parent.bind(item)[name] for name in "abcde"] == [item, item, item, item, 1]


def test_an_item_of_the_command_line_gives_way_to_the_loop() -> None:
    parent = variables.Variables({"item": 5, "a": yaml.load("'{{ item }}'", "x")})
    assert (parent["a"], parent.bind(6)["a"]) == (5, 6)


@pytest.mark.parametrize("first", ["a", "b", "c"])
def test_a_cycle_reads_the_same_from_wherever_it_is_entered(first: str) -> None:
    with pytest.raises(errors.SpecError, match="cyclic variable a -> b -> c -> a") as caught:
        given("c: '{{ a }}'\nb: '{{ c }}'\na: ['{{ b }}']")[first]
    assert caught.value.where == "vars.yaml:3:4"


def test_a_long_chain_is_an_error_and_no_crash() -> None:
    chain = given("".join(f"v{number}: '{{{{ v{number + 1} }}}}'\n" for number in range(3000)) + "v3000: 1")
    assert chain["v2990"] == 1
    with pytest.raises(errors.SpecError, match="too deep"):
        given("".join(f"v{number}: '{{{{ v{number + 1} }}}}'\n" for number in range(3000)) + "v3000: 1")["v0"]
