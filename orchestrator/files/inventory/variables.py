"""group_vars/ and host_vars/ beside the inventory, and the order in which variables win: Ansible's."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from orchestrator.files import text, yaml
from orchestrator.files.inventory import tree
from orchestrator.model.errors import SpecError

EXTENSIONS = ("", ".yml", ".yaml", ".json")  # the first that is there is read, the others are not
KINDS = ("group_vars", "host_vars")
DEPTH_LIMIT = 8  # folders within folders


class Resolver:
    """Merges a host's variables from the closed tree and from the files in `folders` (those of the sources, in order)."""

    def __init__(self, groups: tree.Tree, folders: Sequence[Path]) -> None:
        self.tree = groups
        every = tuple(dict.fromkeys(folders))
        self.folders = {kind: [folder / kind for folder in every if (folder / kind).is_dir()] for kind in KINDS}
        self.files: dict[tuple[Path, str], tree.Variables] = {}
        self.groups = _groups_by_host(groups)

    def groups_of(self, host: str) -> tuple[str, ...]:
        """The host's groups but `all`, the ones that win last: by depth, then priority, then name."""
        return self.groups[host]

    def of_group(self, group: str) -> tree.Variables:
        """What the group says by itself, in the inventory and in group_vars/."""
        return {**self.tree.groups[group].variables, **self._from_files((group,), "group_vars")}

    def of_host(self, host: str) -> tree.Variables:
        """What the host says by itself, in the inventory and in host_vars/."""
        return {**self.tree.hosts[host], **self._from_files((host,), "host_vars")}

    def resolve(self, host: str) -> tree.Variables:
        """The host's variables. A later source of this list wins over an earlier one, whole values at a time:

        `all` in the inventory, its other groups there, group_vars/all, group_vars/*, the host in the inventory, host_vars/*.
        """
        merged: tree.Variables = dict(self.tree.groups["all"].variables)
        for group in self.groups[host]:
            merged |= self.tree.groups[group].variables
        for names, kind in ((("all",), "group_vars"), (self.groups[host], "group_vars")):
            merged |= self._from_files(names, kind)
        return merged | self.of_host(host)

    def _from_files(self, names: Sequence[str], kind: str) -> tree.Variables:
        merged: tree.Variables = {}
        for folder in self.folders[kind]:
            for name in names:
                key = (folder, name)
                if key not in self.files:
                    self.files[key] = _read_all(*key, self.tree.wrong)
                merged |= self.files[key]
        return merged


def _groups_by_host(groups: tree.Tree) -> dict[str, tuple[str, ...]]:
    depths = groups.depths()
    order = sorted(groups.groups, key=lambda name: (depths[name], groups.groups[name].priority, name))
    found: dict[str, list[str]] = {host: [] for host in groups.hosts}
    for name in order:
        for host in groups.members(name) if name != "all" else ():
            found[host].append(name)
    return {host: tuple(names) for host, names in found.items()}


def _read_all(folder: Path, name: str, wrong: Callable[[SpecError], None]) -> tree.Variables:
    """Variables of `folder/name`: a file, or a folder of files."""
    merged: tree.Variables = {}
    if "/" in name:
        return merged
    for extension in EXTENSIONS:
        path = folder / f"{name}{extension}"
        if path.exists() or path.is_symlink():
            try:
                for file in _files(path, 0) if path.is_dir() else (path,):
                    merged |= _read(file)
            except SpecError as error:
                wrong(error)
            break
    return merged


def _files(folder: Path, depth: int) -> Iterator[Path]:
    """Files in the folder and below, sorted by name, without hidden ones and backups."""
    if depth > DEPTH_LIMIT:
        raise SpecError("folders nested too deep", str(folder), "does a symbolic link lead back up?")
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        raise SpecError("cannot read the folder", str(folder), error.strerror or "") from None
    for path in paths:
        if path.name.startswith(".") or path.name.endswith("~"):
            continue
        if path.is_dir():
            if not path.suffix:
                yield from _files(path, depth + 1)
        elif path.suffix in EXTENSIONS:
            yield path


def _read(path: Path) -> tree.Variables:
    content = text.read(path)
    if content.startswith("$ANSIBLE_VAULT;"):
        hint = "keep what connects to hosts out of it, and the file outside this inventory"
        raise SpecError("the file is encrypted", f"{path}:1:1", "Ansible Vault is not read here", hint)
    document = yaml.load(content, str(path))
    if isinstance(document, yaml.Mapping):
        return {key.text: value for key, value in document.items}
    if isinstance(document, yaml.Scalar) and document.value is None:
        return {}
    raise SpecError("a file of variables must be a mapping", str(document.mark), "", "write 'name: value' lines")
