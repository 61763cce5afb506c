"""Where settings come from, which win, and what is said about wrong ones."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import settings
from orchestrator.files import digests, image
from orchestrator.model import errors
from tests.cli import world
from tests.cli.world import Operator


def layer(where: str, **texts: str) -> settings.Layer:
    return {name: ((text,), where) for name, text in texts.items()}


def test_flags_win_then_the_first_layer() -> None:
    layers = [layer("ORCHESTRATOR_FORKS", forks="3"), layer("a:1:1", forks="4", wait="2.5", inventory="hosts")]
    found = settings.resolve({"wait": 1.0, "tags": ("web",)}, layers)
    assert found == settings.Settings(inventory=("hosts",), forks=3, wait=1.0, tags=("web",))


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("forks", "0", "forks cannot be '0': it takes a whole number, 1 to 1000"),
        ("forks", "１０", "it takes a whole number"),
        ("forks", "9" * 5000, "it takes a whole number"),
        ("wait", "soon", "wait cannot be 'soon': it takes a number of seconds"),
        ("wait", "inf", "it takes a number of seconds"),
        ("state", "", "state cannot be '': it takes one value"),
        ("fork", "1", "unknown setting 'fork'; did you mean 'forks'?"),
        ("colour", "1", "unknown setting 'colour'; settings are inventory, state, forks, wait, timeout, scheduler"),
        ("timeout", "4.9", "timeout cannot be '4.9': it takes a number of seconds, 5 to 3600"),
        ("timeout", "3601", "it takes a number of seconds, 5 to 3600"),
        ("timeout", "nan", "it takes a number of seconds"),
    ],
)
def test_wrong_values(name: str, text: str, words: str) -> None:
    with pytest.raises(errors.SpecError) as caught:
        settings.resolve({}, [layer("orchestrator.yaml:1:1", **{name: text})])
    assert str(caught.value).startswith("orchestrator.yaml:1:1: ")
    assert words in str(caught.value)


def test_a_wrong_value_that_loses_is_told_all_the_same() -> None:
    with pytest.raises(errors.SpecError):
        settings.resolve({"forks": 2}, [layer("f:1:1", forks="many")])


def test_of_the_environment_usage_is_wrong_not_a_file() -> None:
    with pytest.raises(errors.UsageError, match="ORCHESTRATOR_FORKS: forks cannot be 'x'"):
        settings.resolve({}, [settings.environment({"ORCHESTRATOR_FORKS": "x", "ORCHESTRATOR_WAIT": ""})])


def test_a_path_is_a_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ops")
    assert settings.url(("a/../b.db",)) == f"sqlite:///{tmp_path}/b.db"
    assert settings.url(("/srv/b.db",)) == "sqlite:////srv/b.db"
    assert settings.url(("~/b.db",)) == "sqlite:////home/ops/b.db"
    assert settings.url(("sqlite:////srv/b.db?timeout=5",)) == "sqlite:////srv/b.db?timeout=5"


def test_files_from_near_to_far(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    """What holds is seen by the store that comes to be."""
    operator.write(".config/orchestrator/orchestrator.yaml", "state: user.db\ninventory: gone\n")
    operator.ok("get", "hosts")  # ./inventory wins over the user's
    assert (operator.folder / ".config/orchestrator/user.db").exists(), "relative to the file that says so"
    operator.write("orchestrator.yaml", "state: near.db\nforks: 2\n")
    operator.ok("get", "hosts")
    assert (operator.folder / "near.db").exists()
    monkeypatch.setenv("ORCHESTRATOR_STATE", "environment.db")
    operator.ok("get", "hosts")
    assert (operator.folder / "environment.db").exists()
    operator.ok("get", "hosts", "--state", "flag.db")
    assert (operator.folder / "flag.db").exists()
    operator.ok("--state", "before.db", "get", "hosts")
    assert (operator.folder / "before.db").exists()
    operator.ok("--state", "first.db", "get", "hosts", "--state", "second.db")
    assert (operator.folder / "second.db").exists()
    assert not (operator.folder / "first.db").exists()


def test_xdg_folders(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(operator.folder / "c"))
    monkeypatch.setenv("XDG_STATE_HOME", str(operator.folder / "s"))
    operator.write("c/orchestrator/orchestrator.yaml", "inventory: [one, 'two,three,']\n")
    operator.write("c/orchestrator/one", "h1\n")
    (operator.folder / "inventory").unlink()
    assert operator.ok("get", "hosts", "-o", "name").out.split() == ["h1", "two", "three"]
    assert (operator.folder / "s/orchestrator/state.db").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("forks: [1, 2]\n", "orchestrator.yaml:1:1: forks cannot be '1 2': it takes one value"),
        ("forks: {a: 1}\n", "orchestrator.yaml:1:8: forks cannot be this"),
        ("- forks\n", "orchestrator.yaml:1:1: not a file of settings"),
        ("forks: 1\nforks: 2\n", "orchestrator.yaml:2:1: key 'forks' is given twice"),
        ("inventroy: x\n", "orchestrator.yaml:1:1: unknown setting 'inventroy'; did you mean 'inventory'?"),
        ("a\0b", "control character"),
    ],
)
def test_a_wrong_file(operator: Operator, text: str, words: str) -> None:
    operator.write("orchestrator.yaml", text)
    done = operator("get", "vm")
    assert (done.code, words in done.err) == (65, True), done
    operator.write("orchestrator.yaml", "# nothing\n")
    operator.ok("get", "vm")


def test_what_anybody_could_have_put_there_is_not_used(operator: Operator) -> None:
    """A program called `inventory` in /tmp is run by nobody."""
    mark = operator.folder / "ran"
    program = operator.folder / "inventory"
    program.write_text(f"#!/bin/sh\ntouch {mark}\necho '{{}}'\n")
    program.chmod(0o755)
    operator.write("orchestrator.yaml", "forks: nonsense\n")
    operator.folder.chmod(0o1777)
    try:
        done = operator("apply", "site.yaml")
    finally:
        operator.folder.chmod(0o755)
    assert done.code == 64
    assert "orchestrator.yaml: not used: anyone may write into its directory" in done.err
    assert "inventory: not used: anyone may write into its directory" in done.err
    assert "no inventory; give one with -i" in done.err
    assert not mark.exists()


@pytest.mark.parametrize(("variable", "flags"), [("", ()), ("1", ()), ("", ("--no-color",))], ids=["plain", "NO_COLOR", "--no-color"])
def test_colours_are_for_terminals(operator: Operator, monkeypatch: pytest.MonkeyPatch, variable: str, flags: tuple[str, ...]) -> None:
    monkeypatch.setenv("NO_COLOR", variable)
    done = operator("plan", "site.yaml", *flags)
    assert "\x1b" not in done.out + done.err


@pytest.mark.parametrize("flag", [True, False], ids=["flag", "environment"])
def test_a_silent_host_gets_its_time_and_no_more(operator: Operator, flag: bool) -> None:
    """The real transport, and a listener that never says a word."""
    environment = {**world.environment(operator.folder), "ORCHESTRATOR_TIMEOUT": "3600" if flag else "5.5"}
    with socket.create_server(("127.0.0.1", 0)) as silent:
        operator.write("silent.yaml", f"all: {{hosts: {{n9: {{ansible_host: 127.0.0.1, ansible_port: {silent.getsockname()[1]}}}}}}}\n")
        argv = ["inventory", "ping", "-i", "silent.yaml", *(["--timeout", "5"] if flag else [])]
        command = [sys.executable, "-c", "from orchestrator.main import main; main()", *argv]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 4, done
    assert f"no sign of life for {'5' if flag else '5.5'} s" in done.stdout + done.stderr


def test_root_and_verb_flags_of_one_kind(operator: Operator) -> None:
    """Variables are collected; of anything else the verb's own wins."""
    assert operator.ok("-e", "a=1", "validate", "site.yaml", "-e", "count=1").out.count("1 instance,") == 1
    assert operator.ok("-e", "count=9", "validate", "-e", "count=1", "site.yaml").out.count("1 instance,") == 1
    assert operator.ok("-o", "json", "version").json == operator.ok("version", "-o", "json").json
    assert operator.ok("-o", "json", "version", "-o", "table").out == "orchestrator 0.1.0\n"
    operator.ok("apply", "site.yaml", "-e", "count=1")
    assert operator.ok("--yes", "destroy", "web-1").code == 0


def test_the_operators_environment_is_no_test_s(tmp_path: Path) -> None:
    assert world.environment(tmp_path)["HOME"] == str(tmp_path)
    assert set(world.environment(tmp_path)) <= {*os.environ, "HOME"}


def test_an_image_is_read_by_the_first_command_only(operator: Operator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "SETTLED", 0.0)
    real, reads = image._digest, list[int]()
    monkeypatch.setattr(image, "_digest", lambda descriptor, algorithms: reads.append(1) or real(descriptor, algorithms))  # type: ignore[func-returns-value]
    operator.ok("validate", "site.yaml")
    operator.ok("apply", "site.yaml")
    assert len(reads) == 1
    assert (operator.folder / ".cache/orchestrator/digests.json").exists()
    monkeypatch.setenv("XDG_CACHE_HOME", str(operator.folder / "c"))
    operator.ok("validate", "site.yaml")
    assert len(reads) == 2
    assert (operator.folder / "c/orchestrator/digests.json").exists()
