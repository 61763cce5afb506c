"""All that is wrong with the playbooks, collected so that the operator hears of it at once."""

from __future__ import annotations

from orchestrator.model import errors, mark


class Findings:
    """Errors in the order they are met; `finish` sorts them by place and says each once."""

    def __init__(self) -> None:
        self._errors: list[errors.SpecError] = []

    def __len__(self) -> int:
        return len(self._errors)

    def add(self, place: mark.Mark, what: str, why: str = "", hint: str = "") -> None:
        """Notes one error at `place`."""
        self._note(errors.SpecError(what, str(place), why, hint))

    def take(self, error: errors.SpecError, place: mark.Mark | None = None) -> None:
        """Notes an error that was raised (each of them, if it is several); `place` is where, if it does not say so."""
        if isinstance(error, errors.SpecErrors):
            for each in error.errors:
                self._note(each)
        else:
            where = error.where or (str(place) if place else "")
            self._note(errors.SpecError(error.what, where, error.why, error.hint))

    def _note(self, error: errors.SpecError) -> None:
        self._errors.append(errors.SpecError(*map(_visible, (error.what, error.where, error.why, error.hint))))

    def finish(self) -> None:
        """Raises SpecErrors if anything was found."""
        if self._errors:
            once = {str(error): error for error in self._errors}
            raise errors.SpecErrors(sorted(once.values(), key=lambda error: (*_place(error.where), str(error))))


def _visible(text: str) -> str:
    """`text` on one line, without anything a terminal would act on: values of the file are quoted in errors."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)


def _place(where: str) -> tuple[str, int, int]:
    source, *numbers = where.rsplit(":", 2)
    if len(numbers) == 2 and all(number.isdecimal() for number in numbers):
        return source, int(numbers[0]), int(numbers[1])
    return where, 0, 0
