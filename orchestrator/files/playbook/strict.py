"""What every entry of a play is: a model that lets nothing unknown through, with a name, and perhaps a loop."""

from __future__ import annotations

from typing import Annotated, Any

import pydantic
from pydantic import WithJsonSchema

from orchestrator.files.playbook import words

Loop = Annotated[Any, WithJsonSchema({"type": "array"})]
When = Annotated[Any, WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "boolean"}, {"type": "array"}]})]


class Strict(pydantic.BaseModel):
    """Nothing unknown is let through; a null is as good as nothing written."""

    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    @pydantic.model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, data: Any) -> Any:
        return {key: value for key, value in data.items() if value is not None} if isinstance(data, dict) else data


class Entry(Strict):
    """What all entries have. `loop` and `when` are acted on, and taken out, before an entry is validated."""

    name: words.DottedName
    loop: Loop = None
    when: When = None
