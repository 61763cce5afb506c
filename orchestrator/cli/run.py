"""One invocation from its arguments to its exit code: every way it can end, and never a traceback on the terminal."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from orchestrator.cli import root, settings
from orchestrator.cli.interruption import Interruption
from orchestrator.cli.wiring import Wiring
from orchestrator.commands import quoting
from orchestrator.model import errors

USAGE = 64
COMPLETE = "_ORCHESTRATOR_COMPLETE"
"""Set by the shell when it wants words completed."""
PIPE = 141
"""As a program that SIGPIPE ended: nobody reads any more."""


def run(arguments: Sequence[str], wiring: Wiring, interruption: Interruption) -> int:
    """Run the verb. Returns the exit code; everything there is to say has been said."""
    text, code = _ended(arguments, wiring)
    if interruption.code:
        interruption.finished = code == 0
        text, code = f"{text}\n{interruption.message}", interruption.code
    _say(text)
    return code


def _ended(arguments: Sequence[str], wiring: Wiring) -> tuple[str, int]:
    """What is left to say, and the exit code."""
    try:
        code = _invoked(arguments, wiring)
        _flush()
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return "", USAGE
    except click.ClickException as error:
        return _usage(error), USAGE
    except click.Abort:  # what click makes of Ctrl-C, and of a question that was not answered with yes
        return "", 1
    except errors.OrchestratorError as error:
        return str(error), error.exit_code
    except KeyboardInterrupt:
        return "", 130
    except BrokenPipeError:
        _drop_output()
        return "", PIPE
    except Exception as error:  # whatever it is, the operator gets one line
        return _internal(error), 1
    return "", code


def _invoked(arguments: Sequence[str], wiring: Wiring) -> int:
    """As click's own main, which would answer signals and closed pipes in its own way."""
    if wish := os.environ.get(COMPLETE):
        from click import shell_completion

        return shell_completion.shell_complete(root.command, {"obj": wiring}, "orchestrator", COMPLETE, wish)
    try:
        with root.command.make_context("orchestrator", list(arguments), obj=wiring) as context:
            root.command.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    return 0


def _say(text: str) -> None:
    with contextlib.suppress(OSError):
        for line in filter(None, text.splitlines()):
            click.secho(quoting.line(line), fg="red", err=True, color=False if os.environ.get("NO_COLOR") else None)
    with contextlib.suppress(OSError):
        _flush()


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "orchestrator"
    return f"{path}: {error.format_message().rstrip('.')}; see `{path} --help`"


def _internal(error: Exception) -> str:
    """One line, and where the rest is."""
    where = _written("".join(traceback.format_exception(error)))
    if isinstance(error, MemoryError):
        return f"out of memory; {where}"
    if isinstance(error, OSError) and error.strerror:
        return f"the system refuses: {': '.join(str(word) for word in (error.filename, error.strerror) if word)}; {where}"
    text = f"{type(error).__name__}: {error}"
    return f"internal error: {quoting.line(text)[:300]}; please report it; {where}"


def _written(text: str) -> str:
    """Keep the traceback, for its owner's eyes only."""
    name = f"traceback-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    for folder in (settings.state_folder(os.environ), Path(tempfile.gettempdir())):
        if folder is None:
            continue
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(folder / name, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w", errors="backslashreplace") as stream:
                stream.write(text)
            return f"details are in {folder / name}"
    return "details could not be written anywhere"


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.flush()


def _drop_output() -> None:
    """What is still buffered for the closed pipe must not be complained about when Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
