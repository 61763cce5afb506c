"""--tags and --skip-tags, as in Ansible (lib/ansible/playbook/taggable.py `evaluate_tags`)."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

WORDS = frozenset({"always", "never"})
"""Tags that only steer the selection, and are no server tags."""


class Selection(Struct, frozen=True):
    """The tags asked for, and those to leave out."""

    only: frozenset[str] = frozenset({"all"})
    skip: frozenset[str] = frozenset()

    def takes(self, tags: Sequence[str]) -> bool:
        """Whether an entry with `tags` is selected."""
        own = frozenset(tags)
        return self._asked(own) and not self._skipped(own)

    def _asked(self, own: frozenset[str]) -> bool:
        if "always" in own or own & self.only:
            return True
        if "never" in own:
            return False
        return "all" in self.only or ("tagged" if own else "untagged") in self.only

    def _skipped(self, own: frozenset[str]) -> bool:
        if "all" in self.skip:
            return "always" not in own or "always" in self.skip
        return bool(own & self.skip) or ("tagged" if own else "untagged") in self.skip


def of(tags: Sequence[str], skip_tags: Sequence[str]) -> Selection:
    """The selection that the command line asks for; none asked for means all."""
    return Selection(frozenset(tags) or frozenset({"all"}), frozenset(skip_tags))
