"""Proving who we are: the agent's keys and key files, in OpenSSH's order, with errors that name the key."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.connections.route import Hop
from orchestrator.model import errors

if TYPE_CHECKING:
    import paramiko

DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa")


def authenticate(transport: paramiko.Transport, hop: Hop) -> None:
    """Log in with the first key that is accepted. Raises Unreachable when none is, and tells which were tried and which could not be."""
    import paramiko

    tried: list[str] = []
    troubles: list[str] = []
    with contextlib.closing(_keys(hop, troubles)) as keys:
        for name, key in keys:
            try:
                if not transport.auth_publickey(hop.user, key):
                    return
                troubles.append("the server asks for more than a key")
            except paramiko.BadAuthenticationType:
                troubles.append("the server takes no keys")
                break
            except paramiko.AuthenticationException:
                tried.append(name)
            if not transport.is_active():
                break
    raise errors.Unreachable(
        f"permission denied for user {hop.user}",
        where=hop.where,
        why="; ".join([f"tried {', '.join(tried) or 'no key'}", *troubles]),
        hint="" if troubles else f"put a public key into {hop.user}'s authorized_keys there, or name another user or key",
    )


def _keys(hop: Hop, troubles: list[str]) -> Generator[tuple[str, paramiko.PKey], None, None]:
    """The inventory's key file, ~/.ssh/config's, the agent's, else the default files. What cannot be used is told in `troubles`."""
    offered: set[bytes] = set()
    named = (hop.private_key_file,) if hop.private_key_file else ()
    defaults = tuple(str(Path.home() / ".ssh" / name) for name in DEFAULTS)
    for name, key in (*_files(named, troubles), *_files(hop.identity_files, troubles)):
        if key.asbytes() not in offered:
            offered.add(key.asbytes())
            yield name, key
    if not hop.identities_only:
        yield from ((name, key) for name, key in _agent() if key.asbytes() not in offered)
    if not (named or hop.identity_files):
        yield from _files(tuple(file for file in defaults if Path(file).exists()), troubles)


def _agent() -> Iterator[tuple[str, paramiko.PKey]]:
    import paramiko

    agent = paramiko.Agent()
    try:
        for held in agent.get_keys():
            yield f"the agent's {held.get_name()} key", held
    finally:
        agent.close()


def _files(files: tuple[str, ...], troubles: list[str]) -> Iterator[tuple[str, paramiko.PKey]]:
    for file in files:
        key = _load(file, troubles)
        if key is not None:
            yield file, key


def _load(file: str, troubles: list[str]) -> paramiko.PKey | None:
    """The key of a file, or None with the reason in `troubles`."""
    import paramiko

    path = Path(file).expanduser()
    try:
        mode = path.stat().st_mode & 0o077
        if mode:
            troubles.append(f"{file} can be read by others (chmod 600 {file})")
            return None
        return paramiko.PKey.from_path(path)
    except OSError as error:
        troubles.append(f"{file}: {error.strerror}")
    except (paramiko.PasswordRequiredException, TypeError):
        troubles.append(f"{file} is protected by a passphrase (ssh-add {file})")
    except (paramiko.SSHException, ValueError, paramiko.pkey.UnknownKeyType) as error:
        troubles.append(f"{file} is not a private key that can be used ({error})")
    return None
