"""The tutorial, typed as it is printed: every command ends as the page says, and says what the page shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs import pages

PAGE = pages.ROOT / "docs/tutorial.md"
NAME = "tut"
CACHE = Path("/var/tmp/orchestrator-tests/lab/cache")
"""Where the other tests keep the guest's kernel."""
INSTALLED = ("make packages install", ". .venv/bin/activate")
"""What a test does not do: it runs in what they make."""
BOOTED = "n=0; until orchestrator logs web-1 | grep -a 'GUEST UP boots={} '; do n=$((n+1)); [ $n -lt 90 ] || exit 1; sleep 1; done"
WAITS = {"Break a guest": BOOTED.format(1), "Lose a disk": BOOTED.format(2)}
"""What the reader waits for before a section."""
VARIES = re.compile(r"(GUEST|NET|TICK|NAME|web-\d  |web-3 on |empty one |\.\.\.)")
"""Lines that the page shows and that hang on the moment, or are broken to fit it."""


def renamed(text: str) -> str:
    """The page with a lab of its own, so that the machine's usual one is left alone."""
    text = re.sub(r"orchestrator lab (up|down|status|ssh)", rf"\g<0> --name {NAME}", text)
    return re.sub(r"\blab([12])\b", rf"{NAME}\1", text).replace("/lab/lab/", f"/lab/{NAME}/")


def script(text: str) -> Iterator[str]:
    """The page's commands as one shell script that ends at the first surprise."""
    (playbook,) = pages.blocks(PAGE, "yaml")
    for section in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        yield WAITS.get(section.partition("\n")[0], "true")
        for block in pages.FENCE.findall(section):
            if block[0] == "yaml":
                yield f"cat >site.yaml <<'END'\n{playbook.text}END"
            for line in block[1].splitlines() if block[0] == "" else ():
                if line not in INSTALLED:
                    yield from checked(line)


def checked(line: str) -> Iterator[str]:
    yield f"echo {quoted('$ ' + line)}"
    yield line
    if "kill -9 $!" not in line:  # the command may have ended already
        code = re.search(r"# exits with (\d+)", line)
        yield f"code=$?; [ $code = {code[1] if code else 0} ] || {{ echo {quoted(line)}: exit code $code; exit 1; }}"


def quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """A home folder; no lab is left."""
    if CACHE.exists():
        shutil.copytree(CACHE, tmp_path / ".local/state/orchestrator/lab/cache")
    yield tmp_path
    program = str(Path(sys.executable).parent / "orchestrator")
    subprocess.run([program, "lab", "down", "--name", NAME], env=environment(tmp_path), check=True)


def environment(folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORCHESTRATOR_", "XDG_"))}
    return {**kept, "HOME": str(folder), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_COLOR": "1"}


def test_every_command_of_the_tutorial(home: Path) -> None:
    text = renamed(PAGE.read_text())
    argv = ["bash", "-c", "\n".join(script(text))]
    done = subprocess.run(
        argv, cwd=home, env=environment(home), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=500, check=False
    )
    assert done.returncode == 0, done.stdout
    shown = [line for language, block in pages.FENCE.findall(text) if language == "text" for line in block.splitlines()]
    assert [line for line in shown if not VARIES.match(line) and line not in done.stdout] == [], done.stdout
    after = done.stdout.rpartition("kill -9 $!")[2]
    assert "0 changed, 3 unchanged, 0 failed" in after
    started = [line.split()[-1] for line in after.splitlines() if "step=spawning.start_domain" in line]
    assert [started.count(uuid) for uuid in started[-2:]] == [1, 1], "each guest was started once"
