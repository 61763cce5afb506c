"""Does KVM run guests here? Tried, not looked up: a device file may be there and useless. A firmware that gets to speak is the proof."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from orchestrator.commands.command import Command, Record

# SeaBIOS says on its debug port that there is nothing to boot: its whole run is the proof. Then `timeout` ends QEMU.
SCRIPT = (
    "timeout -k 1 3 qemu-system-x86_64 -accel kvm -m 16 -nodefaults -display none -monitor none -chardev stdio,id=port "
    "-device isa-debugcon,iobase=0x402,chardev=port </dev/null 2>/dev/null | grep -c 'No bootable device'"
)


class Key(Struct, frozen=True):
    """The host; the fact is True or False."""

    def __str__(self) -> str:
        return "KVM"


def commands(keys: Sequence[Key]) -> tuple[Command, ...]:
    return (Command(("sh", "-c", SCRIPT, "kvm"), accepts=(0, 1), timeout=15),)


def parse(keys: Sequence[Key], records: Sequence[Record]) -> dict[Key, bool]:
    return {key: records[0].output.strip() == b"1" for key in keys}
