"""Every cause that damage is known by stands in the recovery guide, with the class that its repair has."""

from __future__ import annotations

import re

from tests.docs import pages
from tests.samples.damages import DAMAGES

CLASSES = {"live": "live", "loses nothing": "loses nothing", "needs a reboot": "needs a reboot", "cannot": "cannot be repaired here"}


def test_causes_stand_in_the_guide_with_their_class() -> None:
    table = pages.prose(pages.ROOT / "docs/recovery.md").partition("## Diagnose and repair")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| .*? \| (.*?) \|$", table, re.MULTILINE)
    told = {cause: CLASSES[word] for causes, word in rows for cause in re.findall(r"`([a-z-]+)`", causes) if word in CLASSES}
    assert {damage.cause: damage.repair.value for damage in DAMAGES}.items() <= told.items()
