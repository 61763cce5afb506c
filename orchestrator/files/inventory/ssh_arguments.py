"""`ansible_ssh_common_args` and `ansible_ssh_extra_args`: the `-o` options in them, and `-J`."""

from __future__ import annotations

import re
import shlex

from orchestrator.files import yaml
from orchestrator.files.inventory import read_as
from orchestrator.model.errors import SpecError

OPTION = re.compile(r"([A-Za-z][A-Za-z0-9]*)(?:\s*=\s*|\s+)(\S.*)")


def read(name: str, node: yaml.Node) -> dict[str, str]:
    """SSH options by name; the first of a name wins, as in ssh. Raises SpecError for any other word."""
    found: dict[str, str] = {}
    for option, value in _options(name, node):
        if option.lower() not in (key.lower() for key in found):
            found[option] = value
    return found


def _options(name: str, node: yaml.Node) -> list[tuple[str, str]]:
    if isinstance(node, yaml.Scalar) and not node.text.strip():
        return []
    try:
        words = shlex.split(read_as.text(name, node))
    except ValueError as error:
        raise SpecError(f"variable '{name}' cannot be split into words", str(node.mark), str(error)) from None
    options: list[tuple[str, str]] = []
    while words:
        word = words.pop(0)
        if word in ("-o", "-J") and words:
            word += words.pop(0)
        if word.startswith("-J") and len(word) > 2:
            options.append(("ProxyJump", word[2:]))
        elif word.startswith("-o") and (match := OPTION.fullmatch(word[2:])):
            options.append((match[1], match[2]))
        else:
            hint = "anything else goes into ~/.ssh/config"
            raise SpecError(f"variable '{name}': {word!r}", str(node.mark), "only '-o Name=Value' and '-J host' are read", hint)
    return options
