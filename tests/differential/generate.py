"""Makes the cases anew: random fleets and requests, and what the real Nova answers to them. Run by `make differential`.

python -m tests.differential.generate
"""

from __future__ import annotations

import itertools
import json
import random
from pathlib import Path
from typing import Any

from tests.differential import real, topics

CASES = Path(__file__).parent / "cases"
NEAR = 1e-9
"""Hosts that are this near, but not equal, are told apart by nothing but the rounding of sums: such a case is not kept."""


def main() -> None:
    real.start()
    for topic, (make, wanted, chain) in topics.TOPICS.items():
        rng = random.Random(topic)
        kept: list[str] = []
        while len(kept) < wanted:
            case = {"filters": [*topics.DEFAULT, *chain], **make(rng)}
            answer = real.answer(case)
            if apart(answer):
                kept.append(json.dumps({**case, "nova": answer}, separators=(",", ":")))
        (CASES / f"{topic}.json").write_text("\n".join(kept) + "\n")
        print(f"{topic}: {len(kept)}")


def apart(answer: dict[str, Any]) -> bool:
    """Whether each two neighbours in the order are equal, or differ by more than rounding."""
    scores = [score for _, score in answer.get("ranked", ())]
    return not any(0 < left - right < NEAR for left, right in itertools.pairwise(scores))


if __name__ == "__main__":
    main()
