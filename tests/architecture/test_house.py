"""Floors, homes of libraries, sizes, names and words of the house."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "orchestrator"
CODE = tuple(sorted(path for top in ("orchestrator", "states", "templates") for path in (ROOT / top).rglob("*.py")))
TESTS = tuple(sorted((ROOT / "tests").rglob("*.py")))
TEMPLATES = tuple(sorted((ROOT / "templates").rglob("*.j2")))
ROOMS = tuple(path for path in CODE if path.name == "__init__.py")
LONGEST_FILE = 400
LONGEST_FUNCTION = 50
PARAMETERS = 5
VAGUE = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc", "lib", "core", "tools"}

HOMES = {
    "msgspec": ("",),  # what values are made of, everywhere
    "transitions": ("engine/machine.py",),
    "paramiko": ("connections/",),
    "libvirt": ("connections/",),
    "jinja2": ("rendering/",),
    "sqlalchemy": ("store/",),
    "alembic": ("store/",),
    "psycopg": ("store/",),
    "click": ("cli/",),
    "rich": ("cli/",),
    "yaml": ("files/",),
    "pycdlib": ("rendering/",),
}
"""The one home of each third-party library, below the package."""
IMPURE = {
    "socket",
    "subprocess",
    "threading",
    "random",
    "secrets",
    "time",
    "datetime",
    "os",
    "tempfile",
    "shutil",
    "urllib.request",
    "http",
}
PURE = ("model", "commands", "facts", "rendering", "drivers", "states", "planning", "scheduling")
"""Rooms where the same input gives the same output."""


def inside(path: Path) -> str:
    """The path as the package has it."""
    relative = path.relative_to(ROOT)
    return str(relative.relative_to("orchestrator") if relative.parts[0] == "orchestrator" else relative)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def imported(path: Path) -> Iterator[str]:
    """Every module that the file imports, wherever in it, but not those for types alone."""
    typing_only = {
        id(node)
        for block in ast.walk(tree(path))
        if isinstance(block, ast.If) and ast.unparse(block.test) == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree(path)):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_import_linter_keeps_its_contracts() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("library", HOMES)
def test_a_library_has_one_home(library: str) -> None:
    strays = [inside(path) for path in CODE if library in {name.split(".")[0] for name in imported(path)}]
    assert [path for path in strays if not path.startswith(HOMES[library])] == []


def test_every_library_has_a_home() -> None:
    """A new dependency is a decision: it gets a row above."""
    known = set(sys.stdlib_module_names) | {"orchestrator", *HOMES}
    assert {name.split(".")[0] for path in CODE for name in imported(path)} - known == set()


def test_nothing_decides_near_the_wire() -> None:
    """No clock, no chance, no socket, no process in the pure rooms; `uuid4` and `open` are no imports, so they are looked for by name."""
    strays = []
    for path in CODE:
        if not inside(path).startswith(tuple(f"{room}/" for room in PURE)):
            continue
        strays += [(inside(path), name) for name in imported(path) if name in IMPURE]
        calls = (ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call))
        strays += [(inside(path), name) for name in calls if name in ("open", "uuid.uuid4", "uuid.uuid1", "uuid4", "print")]
    assert [stray for stray in strays if stray not in EXCUSED] == []


EXCUSED = {
    ("rendering/config_drive.py", "time"): "a clock that stands still is made of it",
    ("planning/restart.py", "datetime"): "times that it is given are counted; it asks for none",
}


@pytest.mark.parametrize("path", [*CODE, *TESTS, *TEMPLATES], ids=inside)
def test_a_file_is_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE


def test_functions_are_short_and_ask_for_little() -> None:
    """Keyword-only parameters name themselves where they are given; those of the command line are its options; a migration is a table."""
    found = [(path, each) for path in CODE if "migrations" not in path.parts for each in functions(path)]
    long = [f"{inside(path)}:{each.lineno}" for path, each in found if (each.end_lineno or 0) - each.lineno >= LONGEST_FUNCTION]
    wide = [f"{inside(path)}:{each.lineno}" for path, each in found if "cli" not in path.parts and len(parameters(each)) > PARAMETERS]
    assert long + wide == []


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = (argument.arg for argument in (*function.args.posonlyargs, *function.args.args))
    return [name for name in given if name not in ("self", "cls")]


def test_every_room_and_file_says_what_it_is_for() -> None:
    assert [inside(path) for path in (*CODE, *TESTS) if path.read_text().strip() and not ast.get_docstring(tree(path))] == []


@pytest.mark.parametrize("room", [path for path in ROOMS if path.parent.parent == PACKAGE], ids=lambda path: path.parent.name)
def test_a_room_says_what_never_belongs(room: Path) -> None:
    text = " ".join((ast.get_docstring(tree(room)) or "").split()).lower()
    assert "import" in text
    assert "never here" in text


def test_public_functions_have_docstrings() -> None:
    """Of modules that others call; a port's implementation, a step's and a fact's functions are said once, where they are promised."""
    promised = {"needs", "plan", "undo", "expects", "shares", "commands", "parse", "judge", "weigh"}
    bare = [
        f"{inside(path)}:{each.lineno} {each.name}"
        for path in CODE
        for each in tree(path).body
        if isinstance(each, ast.FunctionDef | ast.ClassDef)
        and not each.name.startswith("_")
        and each.name not in promised
        and not ast.get_docstring(each)
        and not each.decorator_list
    ]
    assert bare == []


@pytest.mark.parametrize("path", [*CODE, *TESTS], ids=inside)
def test_a_name_says_something(path: Path) -> None:
    assert not VAGUE.intersection(path.relative_to(ROOT).with_suffix("").parts)


def test_nothing_is_left_for_later() -> None:
    words = ("TO" + "DO", "FIX" + "ME", "XX" + "X ")
    assert [inside(path) for path in (*CODE, *TESTS, *TEMPLATES) if any(word in path.read_text() for word in words)] == []


def test_a_suppressed_lint_carries_its_reason() -> None:
    bare = re.compile(r"# noqa(: [A-Z0-9, ]+)?$", re.MULTILINE)
    assert [inside(path) for path in CODE if bare.search(path.read_text())] == []
