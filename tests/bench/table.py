"""The table: a line a figure, its target, and whether it was met."""

from __future__ import annotations


def told(what: str, theirs: float, floor: float) -> str:
    """A line of somebody who has no target: seconds of both sides, and their ratio."""
    return f"{what:<36} {theirs:8.3f} {floor:8.3f} {theirs / floor:7.2f}"


class Table:
    """Lines in the order they are put in."""

    def __init__(self) -> None:
        self._lines = [f"{'':<36} {'ours':>8} {'floor':>8} {'ratio':>7} {'target':>7}"]

    def ratio(self, what: str, ours: float, floor: float, most: float) -> None:
        """Seconds of both sides; their ratio is what counts."""
        self._line(what, ours, f"{floor:8.3f}", f"{ours / floor:7.2f}", ours / floor, most)

    def most(self, what: str, ours: float, most: float, floor: float | None = None) -> None:
        """A figure that counts by itself."""
        self._line(what, ours, "" if floor is None else f"{floor:8.3f}", "", ours, most)

    def _line(self, what: str, ours: float, floor: str, ratio: str, counts: float, most: float) -> None:
        self._lines.append(f"{what:<36} {ours:8.3f} {floor:>8} {ratio:>7} {most:7.2f}  {'met' if counts <= most else 'missed'}")

    def text(self) -> str:
        return "\n".join(self._lines)
