"""Is the host going down? Its services end in order then, and libvirt-guests shuts guests down: that is nobody's wish that they stay off."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record

STOPPING = "stopping"
"""systemd: shutdown.target is queued or reached (systemctl(1), is-system-running)."""
NOT_THERE = 127


class Key(Struct, frozen=True):
    """The host; the fact is systemd's word for it (running, degraded, stopping ...), "" where there is no systemd."""

    def __str__(self) -> str:
        return "the state of the host's services"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("systemctl", "is-system-running"), accepts=(0, 1, NOT_THERE)),)  # 1: whatever is not `running`


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, str]:
    return dict.fromkeys(keys, records[0].output.decode("utf-8", "replace").strip())
