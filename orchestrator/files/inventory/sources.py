"""What an `-i` names: a file, a directory of files, a program, or `host1,host2,`."""

from __future__ import annotations

import os
import re
from pathlib import Path

from orchestrator.files import text, yaml
from orchestrator.files.inventory import ini, mapping, script, tree
from orchestrator.model.errors import SpecError
from orchestrator.model.mark import Mark

IGNORED = re.compile(  # ansible-core 2.19: IGNORED_ALWAYS and INVENTORY_IGNORE_EXTS
    r"\..*|host_vars|group_vars|vars_plugins|.*(~|\.(pyc|pyo|swp|bak|rpm|md|txt|rst|orig|cfg|retry))", re.DOTALL
)
YAML_LINE = re.compile(r"---|%YAML|\{|[^\s=\[\]]+:(\s|$)|\"[^\"]*\":|'[^']*':")
YAML_EXTENSIONS = (".yml", ".yaml", ".json")
DEPTH_LIMIT = 8  # directories within directories


def read(source: str, into: tree.Tree) -> Path | None:
    """Add what `source` names to the tree; errors are noted there. Returns the folder whose group_vars/ and host_vars/ count."""
    path = Path(os.path.expanduser(source))  # noqa: PTH111 - Path.expanduser raises where there is no home
    if "," in source and not os.path.lexists(path):
        for name in source.split(","):
            if name.strip():
                into.host(name, "ungrouped", {}, Mark(source))
        return None
    _read_path(path, into, 0)
    return path if path.is_dir() else path.parent


def _read_path(path: Path, into: tree.Tree, depth: int) -> None:
    try:
        if path.is_dir():
            _read_directory(path, into, depth)
        elif path.is_file() and script.is_script(path):
            script.read(path, into)
        else:
            _read_file(path, into)
    except SpecError as error:
        into.wrong(error)
    except OSError as error:
        into.wrong(SpecError("cannot read the inventory", str(path), error.strerror or str(error)))


def _read_directory(path: Path, into: tree.Tree, depth: int) -> None:
    if depth > DEPTH_LIMIT:
        raise SpecError("directories nested too deep", str(path), "does a symbolic link lead back up?")
    for entry in sorted(path.iterdir()):
        if not IGNORED.fullmatch(entry.name):
            _read_path(entry, into, depth + 1)


def _read_file(path: Path, into: tree.Tree) -> None:
    content = text.read(path)
    if path.suffix == ".toml":
        raise SpecError("TOML inventories are not read here", str(path), "", "write it as YAML or INI")
    is_yaml = path.suffix in YAML_EXTENSIONS or (not path.suffix and _looks_like_yaml(content))
    (mapping if is_yaml else ini).read(content, str(path), into)


def _looks_like_yaml(content: str) -> bool:
    """For a file without extension (Ansible tries YAML, then INI): what its first line of substance is."""
    lines = (line.strip() for line in content.splitlines())
    first = next((line for line in lines if line and not line.startswith(("#", ";"))), "")
    return bool(YAML_LINE.match(first)) and not yaml.CONTROL.search(first)
