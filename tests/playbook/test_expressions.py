"""Expressions: Ansible's meaning, no way out of the sandbox, and no way to run for long."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.model import errors
from orchestrator.rendering import bounds, expressions

VARIABLES = {"n": 7, "name": "web", "items": ["a", "b", "a"], "disk": {"root": 5, "keys": "k"}, "on": True, "big": "x" * bounds.MAX_TEXT}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{ n + 1 }}", 8),
        ("{{ n }}", 7),
        ("{{ on }}", True),
        ("{{ items }}", ["a", "b", "a"]),
        ("{{ none }}", None),
        ("web-{{ n }}", "web-7"),
        ("{{ n }}{{ n }}", "77"),
        (" {{ n }}", " 7"),
        ("{{ '1.10' }}", "1.10"),
        ("{{ '%02d' | format(n) }}", "07"),
        ("{{ '%s-%03d' % (name, n) }}", "web-007"),
        ("{{ '%(a)s%%' | format(a=1) }}", "1%"),
        ("{{ range(1, 4) }}", [1, 2, 3]),
        ("{{ range(3) | list }}", [0, 1, 2]),
        ("{{ disk.root * 2 }}", 10),
        ("{{ disk['root'] }}", 5),
        ("{{ disk.keys }}", "k"),
        ("{{ items[0] ~ items[-1] }}", "aa"),
        ("{{ items[1:] }}", ["b", "a"]),
        ("{{ items | unique | join(',') }}", "a,b"),
        ("{{ items | length }}", 3),
        ("{{ disk | dict2items }}", [{"key": "root", "value": 5}, {"key": "keys", "value": "k"}]),
        ("{{ missing | default('x') }}", "x"),
        ("{{ missing.deep.er | default(1) }}", 1),
        ("{{ disk.missing is defined }}", False),
        ("{{ 'yes' | bool }}", True),
        ("{{ 'a' if n > 3 else 'b' }}", "a"),
        ("{{ 'b' in items and not (n is odd and n is divisibleby(2)) }}", True),
        ("{{ 2 ** 10 }}", 1024),
        ("{{ 7.6 | round | int }}", 8),
        ("{{ 7.4 | round(0, 'ceil') | int }}", 8),
        ("{{ name | upper | replace('W', 'w') }}", "wEB"),
        ("{{ 'a-b' | split('-') | last }}", "b"),
        ("{{ items | sort | reverse | first }}", "b"),
        ("{# gone #}{{ n }}", 7),
        ("a\n{{ n }}\n", "a\n7\n"),
        ("{{ {'a': n} }}", {"a": 7}),
        ("{{ (1, 2) }}", [1, 2]),
    ],
)
def test_value(text: str, value: object) -> None:
    found = expressions.evaluate(text, VARIABLES)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "{{ 'a' * 500000000 }}",
        "{{ 500000000 * 'a' }}",
        "{{ ['a'] * 500000000 }}",
        "{{ [big] * 10000 }}",
        "{{ [big, big, big, big, big] }}",
        "{{ big ~ big }}",
        "{{ big + big }}",
        "{{ range(1000000000) }}",
        "{{ range(0, 1000000000, 1) | list }}",
        "{{ 9 ** 9 ** 9 }}",
        "{{ 9 ** -999999999999 }}",
        "{{ 2.0 ** 99999 }}",
        "{{ 99999999999 * 99999999999 * 99999999999 * 99999999999 }}",
        "{{ " + "9" * 6000 + " }}",
        "{{ '%999999999d' | format(1) }}",
        "{{ '%999999999d' % 1 }}",
        "{{ '%*d' % (999999999, 1) }}",
        "{{ '%.999999999f' | format(1.0) }}",
        "{{ '%s' * 65 % n }}",
        "{{ big | replace('x', big) }}",
        "{{ items | join(big) | string ~ big }}",
        "{{ [1] | list | join(big) ~ big }}",
        "{{ 5 | round(-999999999) | string * 99999 }}",
        "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
        "{{ " + "-" * 5000 + "1 }}",
        "{{ " + "1+" * 500 + "1 }}",
        "{{ n" + ".a" * 5000 + " }}",
        "{{ " + "[" * 3000,
        "{% for i in range(999999999) %}x{% endfor %}",
        "{% for i in items %}{% for j in items %}{{ i }}{% endfor %}{% endfor %}",
        "{% set x = n %}{{ x }}",
        "{% if n %}a{% endif %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{% raw %}{{ n }}{% endraw %}{% filter upper %}a{% endfilter %}",
        "{{ ''.__class__ }}",
        "{{ ''['__class__'] }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ items.__len__ }}",
        "{{ items.append(1) }}",
        "{{ disk.items() }}",
        "{{ name.format(n) }}",
        "{{ range.__self__ }}",
        "{{ range }}",
        "{{ self.__init__ }}",
        "{{ self }}",
        "{{ cycler.__init__ }}",
        "{{ lipsum() }}",
        "{{ namespace() }}",
        "{{ items | map('upper') }}",
        "{{ items | attr('append') }}",
        "{{ name | safe }}",
        "{{ name | xmlattr }}",
        "{{ (-8) ** 0.5 }}",
        "{{ 1 / 0 }}",
        "{{ n + 'a' }}",
        "{{ n. }}",
        "{{ }}",
        "{{ n",
        "{{ n if false }}",
        "{{ [missing] }}",
        "{{ [] | first }}",
        "{{ items[99] }}",
        "{{ 'maybe' | bool }}",
        "{{ items | sort(attribute='__class__') }}",
        "{{ n | nothing }}",
        "{{ n is nothing }}",
    ],
)
def test_refused(text: str) -> None:
    with pytest.raises(errors.SpecError) as caught:
        expressions.evaluate(text, VARIABLES)
    assert caught.value.where == ""


def test_an_undefined_variable_is_named_with_its_neighbour() -> None:
    with pytest.raises(expressions.UndefinedVariable, match="'nme'; did you mean 'name'"):
        expressions.evaluate("{{ nme }}", VARIABLES)


def test_only_the_variables_named_are_asked_for() -> None:
    class Asked(dict[str, object]):
        def __getitem__(self, name: str) -> object:
            assert name == "n"
            return super().__getitem__(name)

    assert expressions.evaluate("{{ n }}", Asked(VARIABLES)) == 7


@pytest.mark.parametrize(("text", "truth"), [("n == 7", True), ("n == 7 and name is undefined", False), ("{{ on }}", True), ("true", True)])
def test_condition(text: str, truth: bool) -> None:
    assert expressions.condition(text, VARIABLES) is truth


@pytest.mark.parametrize("text", ["n", "name", "missing", "n ==", "", "n }} {{ n"])
def test_no_condition(text: str) -> None:
    with pytest.raises(errors.SpecError):
        expressions.condition(text, VARIABLES)


PARTS = [
    "{{",
    "}}",
    "{%",
    "%}",
    "n",
    "name",
    "items",
    "disk",
    "big",
    " ",
    ".",
    "|",
    "(",
    ")",
    "[",
    "]",
    "'a'",
    "1",
    "99",
    "*",
    "**",
    "+",
    "-",
    "~",
    "%",
    "/",
]
WORDS = [
    "if",
    "else",
    "is",
    "in",
    "not",
    "format",
    "join",
    "replace",
    "default",
    "list",
    "range",
    "length",
    "odd",
    ",",
    ":",
    "{",
    "}",
    "=",
    "==",
]


@given(
    st.lists(st.sampled_from(PARTS + WORDS), max_size=25).map(" ".join).flatmap(lambda text: st.sampled_from([text, "{{ " + text + " }}"]))
)
def test_any_expression_gives_a_value_or_an_error(text: str) -> None:
    try:
        value = expressions.evaluate(text, VARIABLES)
    except errors.SpecError:
        return
    assert value is None or isinstance(value, str | int | float | list | dict)
