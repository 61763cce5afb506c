"""What a filter says of a host."""

from __future__ import annotations

from msgspec import Struct


class Verdict(Struct, frozen=True):
    """`why` has what is asked for and what is free, whether it fits or not.

    `change`: the smallest change on this host that would let it fit ("2 GiB more memory"), and `cost`, to tell small changes from large ones: the
    part of the host's own amount that is lacking (0.25 of its memory), 1 for what takes a decision rather than an amount, such as another zone.
    """

    fits: bool
    why: str = ""
    change: str = ""
    cost: float = 0.0


def amount(what: str, need: int, used: int, total: int, *, most: int, unit: str = "") -> Verdict:
    """The verdict on an amount: `need` is asked for where `used` of `total` is taken; one instance never gets more than `most` of it.

    What is not asked for fits a host that is over-full (Placement).
    """
    of, free = f" {unit}" if unit else "", total - used
    why = f"{what}: needs {need}{of}, {max(free, 0)} of {total} free"
    if not need or need <= min(free, most):
        return Verdict(True, why)
    why += f", at most {most} for one instance" if most < min(need, free) else ""
    lack = need - min(free, most)
    return Verdict(False, why, f"{lack}{of} more {what}", lack / max(total, 1))


def below(what: str, found: int, most: int) -> Verdict:
    """The verdict on a number that has to be below the most there may be."""
    why = f"{what}: has {found}, takes {most}"
    if found < most:
        return Verdict(True, why)
    if most < 1:
        return Verdict(False, why, f"take any {what}", 1)
    return Verdict(False, why, f"{found - most + 1} fewer {what}", (found - most + 1) / most)
