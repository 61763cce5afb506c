"""Whatever a file holds: an inventory, or errors that name the file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.files import inventory
from orchestrator.model.errors import SpecErrors

INI = st.sampled_from(
    [
        "[",
        "]",
        "a",
        "b",
        "web",
        ":vars",
        ":children",
        ":",
        "=",
        " ",
        "\n",
        "\n[",
        "]\n",
        "#",
        ";",
        "'",
        '"',
        "{",
        "(",
        "1",
        "[1:3]",
        "[a:c]",
        "-",
        "ansible_port=",
        "ansible_host=",
        "virt_type=",
        "all",
        "ungrouped",
        "::1",
        "é",
        "\t",
        "\\",
        "[[",
        ",",
        "0",
        "None",
        "True",
    ]
)
YAML = st.sampled_from(
    [
        "all:",
        "\n",
        "\n  ",
        "\n    ",
        "\n      ",
        "hosts:",
        "children:",
        "vars:",
        "a",
        "b:",
        "web[1:3]:",
        ": ",
        "{",
        "}",
        "[",
        "]",
        "- ",
        "1",
        "~",
        "&x ",
        "*x",
        "ansible_port: 22",
        "virt_type: kvm",
        "<<: ",
        "'",
        "aggregates: [a]",
        "aggregates: {a: {availability_zone: z}}",
        "aggregate_metadata: {availability_zone: y}",
        "pci_devices: {a: [0000:05:00.1]}",
        "physical_networks: {p: eth0}",
        "ungrouped:",
        "a: {a: {}}",
        ", ",
    ]
)


@pytest.mark.parametrize(("name", "pieces"), [("hosts.ini", INI), ("hosts.yml", YAML), ("hosts", INI | YAML)])
def test_any_text(name: str, pieces: st.SearchStrategy[str]) -> None:
    @settings(max_examples=400, deadline=None)
    @given(st.lists(pieces, max_size=25))
    def check(parts: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            path.write_text("".join(parts))
            errors = ""
            try:
                found = inventory.load([str(path)])
            except SpecErrors as error:
                errors = str(error)
            else:
                assert set(found.groups["all"]) == set(found.hosts)
            assert all(str(path) in line for line in errors.splitlines() if line)

    check()
