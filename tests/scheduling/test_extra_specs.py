"""What an extra spec asks of a value: Nova's operators, and what comes of odd ones."""

from __future__ import annotations

import pytest

from orchestrator.model.host import Host
from orchestrator.scheduling import aggregates, extra_specs
from tests.scheduling.samples import aggregate

CASES = (
    ("gold", "gold", True),
    ("gold", " gold", False),
    ("", "", True),
    ("gold", "", False),
    ("gold silver", "gold silver", True),
    ("4", "= 4", True),
    ("5", "= 4", True),
    ("3", "= 4", False),
    ("4", "== 4.0", True),
    ("5", "== 4", False),
    ("4", "!= 4", False),
    ("5", "!= 4", True),
    ("4", ">= 4", True),
    ("3", ">= 4", False),
    ("4", "<= 4", True),
    ("5", "<= 4", False),
    ("4", ">= 4 and more", True),
    ("gold", "s== gold", True),
    ("gold", "s== silver", False),
    ("gold", "s!= silver", True),
    ("gold", "s!= gold", False),
    ("10", "s< 9", True),
    ("9", "s< 10", False),
    ("9", "s<= 9", True),
    ("9", "s<= 10", False),
    ("9", "s> 10", True),
    ("10", "s> 9", False),
    ("9", "s>= 9", True),
    ("10", "s>= 9", False),
    ("['aes', 'avx2']", "<in> avx", True),
    ("['aes', 'avx2']", "<in> vmx", False),
    ("['aes', 'avx2']", "<all-in> aes avx2", True),
    ("['aes', 'avx2']", "<all-in> aes vmx", False),
    ("gold", "<or> silver <or> gold", True),
    ("silver", "<or> silver <or> gold", True),
    ("<or>", "<or> silver <or> gold", False),
    ("bronze", "<or> silver <or> gold", False),
    ("gold", "<or> silver gold", False),
    ("gold", "s==", False),
    ("", "<or>", False),
    ("~ 4", "~ 4", True),
)


@pytest.mark.parametrize(("value", "requirement", "fits"), CASES)
def test_what_is_asked_for(value: str, requirement: str, fits: bool) -> None:
    assert extra_specs.match(value, requirement) is fits


@pytest.mark.parametrize("sign", extra_specs.OPERATORS)
def test_each_operator_has_cases_of_both_kinds(sign: str) -> None:
    assert {fits for _, requirement, fits in CASES if requirement.split()[:1] == [sign]} == {True, False}


def test_words_are_not_compared_as_numbers() -> None:
    for value, requirement in (("ten", ">= 4"), ("4", "== four")):
        with pytest.raises(ValueError, match="could not convert"):
            extra_specs.match(value, requirement)


def test_aggregates_say_things_together() -> None:
    host = Host("n1", "192.0.2.1", aggregates=(aggregate("a", tier="gold, silver", most="7"), aggregate("b", tier="bronze", most=" 5 ")))
    assert aggregates.values(host)["tier"] == {"gold", "silver", "bronze"}
    assert aggregates.texts(host, "tier") == {"gold, silver", "bronze"}
    assert aggregates.least(host, "most", int, 9) == 5
    assert aggregates.least(host, "tier", int, 9) == 9
    assert aggregates.least(host, "least", int, 9) == 9
