"""Hosts looked at again and again, and mended as far as a policy allows: woken by what they say of themselves, and after an interval whatever they say.

Events only wake: what is done follows from a look, as for every other verb, so none that was missed or came twice does harm. A host that hangs is looked at
apart from then on, and holds up nobody.
"""

from __future__ import annotations

import datetime
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent import futures

from msgspec import Struct

from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.planning import restart
from orchestrator.planning.diagnosis import Finding
from orchestrator.ports.events import Events, Heard
from orchestrator.services import mend
from orchestrator.services.app import App
from orchestrator.services.report import Report
from orchestrator.services.verify import Verdict, verify

TICK = 0.5
"""Seconds within which the wish to stop is seen."""
SETTLE = 0.1
"""Seconds from an event to the look: what begins with one mostly goes on with more."""
BUSY = 5.0
"""Seconds until what another run has in hand is looked at again."""
LONGEST = 3600.0
"""Seconds: what could not be mended is tried again after the interval, then after twice as long each time, up to this."""
SLOW = 5.0
"""Seconds for a look with what it mends, above which its hosts are looked at apart the next time."""


class Options(Struct, frozen=True):
    """`interval`: seconds between two looks at a host where nothing wakes the watch. `once`: look, mend, look again, and end."""

    allowed: mend.Allowed
    interval: float = 60.0
    once: bool = False


class Note(Struct, frozen=True):
    """Something seen or done, at a time (ISO 8601, UTC).

    `kind`: listening, lost, deaf, event; watching (after the first look), unreachable, reached; found, gone (of a finding); changed, failed and the
    other words of outcomes; waiting, busy.
    """

    at: str
    kind: str
    host: str
    name: str = ""
    text: str = ""
    finding: Finding | None = None


class _Place:
    """What is known of one host. `due`: when it is to be looked at, by the clock; `retry`: before that nothing is mended there, after `tries` in vain."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.due = self.retry = 0.0
        self.tries = 0
        self.looking = self.apart = False
        self.findings: dict[Finding, None] = {}
        self.said: dict[str, str] = {}  # what was told last, by what it is about: it is not told twice


def watch(app: App, hosts: Sequence[Host], options: Options, events: Events | None, tell: Callable[[Note], None]) -> int:
    """Watch until `app.stopping` is set, or once. Returns an exit code: 0; of `once` as verify's, 3 when something could not be mended.

    `tell` is called from one thread at a time.
    """
    return _Watch(app, hosts, options, tell).run(events)


class _Watch:
    def __init__(self, app: App, hosts: Sequence[Host], options: Options, tell: Callable[[Note], None]) -> None:
        self._app, self._options = app, options
        self._places = {host.name: _Place(host) for host in hosts}
        self._tell, self._telling = tell, threading.Lock()
        self._names: dict[str, str] = {}  # of instances, by uuid
        self._broken: Exception | None = None
        self._bell: queue.SimpleQueue[Heard | None] = queue.SimpleQueue()  # None: a look has ended

    def run(self, events: Events | None) -> int:
        """See watch."""
        if self._options.once:
            return self._once()
        for place in self._places.values():
            if events:
                events.listen(place.host, self._bell.put)
        while not self._app.stopping.is_set() and self._broken is None:
            for group in self._groups():
                threading.Thread(target=self._looked, args=(group,), daemon=True).start()
            self._rest()
        while any(place.looking for place in self._places.values()):
            self._hear(TICK)
        if self._broken is not None:
            raise self._broken
        return 0

    def _once(self) -> int:
        places = list(self._places.values())
        verdict, done = self._look(places)
        failed = any(report.exit_code == 3 for report in done)
        if done:
            verdict, _ = self._look(places, mending=False)
        return 3 if failed else verdict.exit_code if verdict else 1

    # When

    def _groups(self) -> list[list[_Place]]:
        """Hosts that are due, together; those that hung the last time each by itself."""
        now = self._app.clock.monotonic()
        due = [place for place in self._places.values() if place.due <= now and not place.looking]
        together = [place for place in due if not place.apart]
        groups = [*([together] if together else []), *([place] for place in due if place.apart)]
        for place in due:
            place.looking, place.due = True, now + self._options.interval
        return groups

    def _rest(self) -> None:
        now = self._app.clock.monotonic()
        due = min((place.due for place in self._places.values() if not place.looking), default=now + TICK)
        self._hear(min(max(due - now, 0.0), TICK))

    def _hear(self, seconds: float) -> None:
        try:
            heard = self._bell.get(timeout=seconds) if seconds else self._bell.get_nowait()
        except queue.Empty:
            return
        if heard is None:
            return
        place = self._places[heard.host]
        if heard.kind == "domain":
            if name := self._names.get(heard.uuid):
                self._note(place, "event", name, heard.detail)
        else:
            self._say(place, "events", heard.kind, heard.detail)
        if heard.kind != "deaf":
            self._wake(place, SETTLE)

    def _wake(self, place: _Place, seconds: float) -> None:
        place.due = min(place.due, self._app.clock.monotonic() + seconds)

    # What

    def _looked(self, places: Sequence[_Place]) -> None:
        """A look in a thread of its own."""
        began = self._app.clock.monotonic()
        try:
            _, done = self._look(places)
            for place in places if done else ():
                self._wake(place, SETTLE)
        except Exception as error:  # of no host's making: it ends the watch, in its own thread
            self._broken = error
        finally:
            slow = self._app.clock.monotonic() - began > SLOW
            for place in places:
                place.apart = slow or "reach" in place.said
                place.looking = False
            self._bell.put(None)

    def _look(self, places: Sequence[_Place], mending: bool = True) -> tuple[Verdict | None, list[Report]]:
        try:
            verdict = verify(self._app, [place.host for place in places])
        except errors.OrchestratorError as error:  # other runs change what is shared all the time
            for place in places:
                self._say(place, "look", "busy", str(error))
                self._wake(place, BUSY)
            return None, []
        self._names.update({record.instance.uuid: record.instance.name for record in verdict.records})
        for place in places:
            self._compare(place, verdict)
        there = [place for place in places if place.host.name in verdict.facts] if mending else []
        with futures.ThreadPoolExecutor(max(1, min(self._app.forks, len(there)))) as pool:
            return verdict, [report for report in pool.map(lambda place: self._mend(place, verdict), there) if report]

    def _compare(self, place: _Place, verdict: Verdict) -> None:
        """Tell what is new of the host, and what is no more."""
        name = place.host.name
        if why := verdict.unreachable.get(name):
            self._say(place, "reach", "unreachable", why)
            return
        if place.said.pop("reach", None):
            self._note(place, "reached")
        place.said.pop("look", None)
        if not self._options.once and "first" not in place.said:
            there = [record for record in verdict.records if record.instance.host == name]
            self._say(place, "first", "watching", f"{len(there)} instance{'s' * (len(there) != 1)}")
        found = {finding: None for finding in verdict.findings if finding.host == name}
        for finding in found.keys() - place.findings.keys():
            self._note(place, "found", finding.name, str(finding), finding)
        for finding in place.findings.keys() - found.keys():
            self._note(place, "gone", finding.name, f"{finding.cause}: {finding.detail}", finding)
        if found.keys() != place.findings.keys():
            place.retry, place.tries = 0.0, 0
        place.findings = found

    def _mend(self, place: _Place, verdict: Verdict) -> Report | None:
        """What is allowed, done for one host. What failed, or changed nothing, is tried again later, and later each time."""
        here = verdict.on({place.host.name})
        self._wait(place, here)
        now = self._app.clock.monotonic()
        if now < place.retry or self._app.stopping.is_set():
            return None
        try:
            report = mend.mend(self._app, "watch", here, self._options.allowed)
        except errors.LockHeld as error:
            self._say(place, "mend", "busy", str(error))
            self._wake(place, BUSY)
            return None
        except errors.OrchestratorError as error:
            self._say(place, "mend", "failed", str(error))
            report = None
        else:
            place.said.pop("mend", None)
        if report:
            place.tries += 1
            place.retry = now + min(self._options.interval * 2 ** (place.tries - 1), LONGEST)
            self._wake(place, place.retry - now)
            for outcome in (*report.outcomes, *report.hosts):
                self._note(place, outcome.status, outcome.name, outcome.fault or outcome.state)
        return report

    def _wait(self, place: _Place, verdict: Verdict) -> None:
        """Restarts that are not due yet wake the watch when they are."""
        now = datetime.datetime.fromisoformat(self._app.clock.now())
        for name, sync in mend.syncs(self._app, verdict).items() if self._options.allowed.power else ():
            if sync.do is restart.Do.WAIT:
                self._say(place, f"wait {name}", "waiting", sync.why, name)
                self._wake(place, max(0.0, (datetime.datetime.fromisoformat(sync.at) - now).total_seconds()))

    # To whom

    def _say(self, place: _Place, about: str, kind: str, text: str, name: str = "") -> None:
        """Tell it, unless it was what was told of this last."""
        if place.said.get(about) != f"{kind} {text}":
            place.said[about] = f"{kind} {text}"
            self._note(place, kind, name, text)

    def _note(self, place: _Place, kind: str, name: str = "", text: str = "", finding: Finding | None = None) -> None:
        with self._telling:
            self._tell(Note(self._app.clock.now(), kind, place.host.name, name, text, finding))
