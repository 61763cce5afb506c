"""Values of playbooks as Jinja2 expressions: sandboxed, strict, native, and too small a language to run away.

Ansible's meaning: `"{{ count + 1 }}"` keeps its type, `"web-{{ item }}"` is text, an undefined name is an error.
Statements, method calls and attributes of objects are left out: the sandbox alone bounds neither time nor memory
(`{{ 'a' * 5e8 }}`).
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping
from typing import Any

import jinja2
from jinja2 import meta, nodes, sandbox
from jinja2.runtime import Context
from msgspec import Struct

from orchestrator.model import errors
from orchestrator.rendering import bounds

MAX_NODES = 400
OPENERS = ("{{", "{%")
UNDEFINED = re.compile(r"'(.+)' is undefined")
GRAMMAR = (
    *(
        nodes.Template,
        nodes.Output,
        nodes.TemplateData,
        nodes.Name,
        nodes.Const,
        nodes.List,
        nodes.Tuple,
        nodes.Dict,
        nodes.Pair,
    ),
    *(
        nodes.CondExpr,
        nodes.Filter,
        nodes.Test,
        nodes.Getattr,
        nodes.Getitem,
        nodes.Slice,
        nodes.Concat,
        nodes.Compare,
        nodes.Operand,
    ),
    *(nodes.BinExpr, nodes.UnaryExpr, nodes.Call, nodes.Keyword),
)


class UndefinedVariable(errors.SpecError):
    """An expression names a variable that is not there; `name` is it."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f"did you mean '{near[0]}'?" if near else "define it under vars, in vars_files or with -e"
        super().__init__(f"undefined variable '{name}'", hint=hint)
        self.name = name


class _Environment(sandbox.ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset(bounds.OPERATORS)

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        """Every binary operator goes through its bounded form."""
        return bounds.OPERATORS[operator](left, right)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """Keys of mappings and indexes of lists and texts; never an attribute of a Python object."""
        if isinstance(obj, jinja2.Undefined):
            return obj  # so that `a.b | default(1)` works as in Ansible
        if isinstance(obj, dict | list | tuple | str):
            try:
                return obj[argument]
            except (LookupError, TypeError):
                pass
        return self.undefined(obj=obj, name=argument)

    def getattr(self, obj: Any, attribute: str) -> Any:
        """`a.b` is `a['b']`."""
        return self.getitem(obj, attribute)


def _environment() -> _Environment:
    environment = _Environment(
        undefined=jinja2.StrictUndefined, optimized=False, keep_trailing_newline=True, cache_size=0, autoescape=False
    )
    environment.globals = {"range": bounds.numbers}
    environment.filters = dict(bounds.FILTERS)
    environment.tests = dict(bounds.TESTS)
    return environment


ENVIRONMENT = _environment()


class _Program(Struct, frozen=True):
    """A text made ready to run; `native` when it is one expression, whose type is kept."""

    template: jinja2.Template
    names: frozenset[str]
    native: bool


def _unknown(kind: str, name: str, known: Iterable[str]) -> errors.SpecError:
    near = difflib.get_close_matches(name, known, n=1)
    return errors.SpecError(
        f"unknown {kind} '{name}'",
        hint=f"did you mean '{near[0]}'?" if near else f"known are {', '.join(sorted(k for k in known if k.isalnum()))}",
    )


def _check(tree: nodes.Template) -> None:
    found = list(tree.find_all(nodes.Node))
    if len(found) > MAX_NODES:
        raise errors.SpecError("expression too long", why=f"more than {MAX_NODES} parts", hint="split it into variables")
    for node in found:
        if not isinstance(node, GRAMMAR):
            raise errors.SpecError(
                f"'{type(node).__name__.lower()}' statements are not part of playbook values",
                hint="write {{ a if condition else b }}, or use loop and when",
            )
        if isinstance(node, nodes.Call) and not (isinstance(node.node, nodes.Name) and node.node.name == "range"):
            raise errors.SpecError("only range() can be called", hint="use filters: {{ name | upper }}, {{ text | replace('a', 'b') }}")
        if isinstance(node, nodes.Filter) and node.name not in bounds.FILTERS:
            raise _unknown("filter", node.name, bounds.FILTERS)
        if isinstance(node, nodes.Test) and node.name not in bounds.TESTS:
            raise _unknown("test", node.name, bounds.TESTS)
        if isinstance(node, nodes.Const):
            bounds.plain(node.value)


@functools.lru_cache(maxsize=4096)
def _compiled(text: str) -> _Program:
    tree = ENVIRONMENT.parse(text)
    _check(tree)
    written = [part for output in tree.body if isinstance(output, nodes.Output) for part in output.nodes]
    native = len(written) == 1 and not isinstance(written[0], nodes.TemplateData)
    parts = [nodes.Const(part.data) if isinstance(part, nodes.TemplateData) else part for part in written]
    program = nodes.Template([nodes.Assign(nodes.Name("result", "store"), nodes.List(parts))])
    for node in program.find_all(nodes.Node):
        node.lineno = node.lineno or 1
    program.lineno = 1
    program.set_environment(ENVIRONMENT)
    return _Program(ENVIRONMENT.from_string(program), frozenset(meta.find_undeclared_variables(tree)), native)


def _run(program: _Program, variables: Mapping[str, object]) -> object:
    present = {name: variables[name] for name in sorted(program.names) if name in variables}
    context = program.template.new_context(present)
    for _ in program.template.root_render_func(context):
        pass
    parts = context.vars["result"]
    return bounds.plain(parts[0]) if program.native else bounds.text("".join(bounds.text(bounds.plain(part)) for part in parts))


def is_expression(text: str) -> bool:
    """Whether `text` is to be evaluated at all."""
    return any(opener in text for opener in OPENERS)


def evaluate(text: str, variables: Mapping[str, object]) -> object:
    """The value of `text`: native when it is one `{{ }}`, else text. Asks `variables` only for the names in it.

    SpecError without a place (the caller knows it): syntax, undefined names, what cannot be worked out or grows too
    large.
    """
    try:
        return _run(_compiled(text), variables)
    except jinja2.UndefinedError as error:
        found = UNDEFINED.fullmatch(error.message or "")
        if found:
            raise UndefinedVariable(found.group(1), variables) from None
        raise errors.SpecError("undefined value", why=str(error.message), hint="add | default(...) if it may be missing") from None
    except jinja2.TemplateSyntaxError as error:
        raise errors.SpecError(
            "expression not understood", why=str(error.message).rstrip("."), hint="write {{ name }}, {{ count + 1 }}"
        ) from None
    except RecursionError:
        raise errors.SpecError("expression nested too deep", hint="split it into variables") from None
    except (
        ArithmeticError,
        LookupError,
        TypeError,
        ValueError,
        SyntaxError,
        MemoryError,
        jinja2.TemplateError,
    ) as error:
        raise errors.SpecError("expression cannot be worked out", why=str(error).rstrip(".")) from None


def condition(text: str, variables: Mapping[str, object]) -> bool:
    """The truth of a `when`; as in Ansible it is an expression without `{{ }}`. SpecError unless it gives a boolean."""
    value = evaluate(text if is_expression(text) else f"{{{{ {text} }}}}", variables)
    if not isinstance(value, bool):
        raise errors.SpecError(f"a condition must be true or false, not {value!r:.60}", hint="compare it, or add | bool")
    return value
