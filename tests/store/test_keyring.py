"""The controller's key and what is derived from it: made once, the same for ever, nobody else's to read."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from orchestrator import store as stores
from orchestrator.commands.command import Batch, Command, Lane, Record
from orchestrator.connections import sealed
from orchestrator.model import errors
from orchestrator.model.host import Host
from orchestrator.ports.secrets import Secrets
from tests.store import samples


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return stores.keyring(f"sqlite:///{tmp_path}/state.db", tmp_path, samples.Ids())


def test_a_password_is_the_same_for_ever_and_each_volumes_own(secrets: Secrets, tmp_path: Path) -> None:
    first = secrets.reveal("chap/1")
    assert len(first) == 32
    assert stores.keyring(f"sqlite:///{tmp_path}/state.db", tmp_path, samples.Ids()).reveal("chap/1") == first
    assert secrets.reveal("chap/2") != first
    assert (tmp_path / "state.db.key").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["state.db", "state.db.key"]


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """The file of a key that is in use."""
    again(tmp_path).reveal("chap/1")
    return tmp_path / "state.db.key"


def again(folder: Path) -> Secrets:
    """Another process that asks."""
    return stores.keyring(f"sqlite:///{folder}/state.db", folder, samples.Ids())


def test_a_key_that_others_may_read_is_not_used(made: Path) -> None:
    made.chmod(0o644)
    with pytest.raises(errors.OrchestratorError, match=r"others may read.*chmod 600"):
        again(made.parent).reveal("chap/1")


def test_a_damaged_key_is_told(made: Path) -> None:
    made.write_bytes(b"short")
    with pytest.raises(errors.OrchestratorError, match="not a key"):
        again(made.parent).reveal("chap/1")


def test_a_lost_key_is_told_and_none_takes_its_place(made: Path) -> None:
    before = made.read_bytes()
    made.unlink()
    with pytest.raises(
        errors.OrchestratorError, match=rf"the key of the store's secrets is not here: it was made as .*@.*:{made}; copy it .*`scp "
    ):
        again(made.parent).reveal("chap/1")
    assert not made.exists()
    made.touch(0o600)
    made.write_bytes(bytes(32))
    with pytest.raises(errors.OrchestratorError, match="another key than that of the store's secrets"):
        again(made.parent).reveal("chap/1")
    made.write_bytes(before)
    assert again(made.parent).reveal("chap/1")


def test_a_key_from_before_keys_were_recorded_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state.db.key").touch(0o600)
    (tmp_path / "state.db.key").write_bytes(bytes(32))
    first = again(tmp_path).reveal("chap/1")
    assert again(tmp_path).reveal("chap/1") == first
    (tmp_path / "state.db.key").unlink()
    with pytest.raises(errors.OrchestratorError, match="is not here"):
        again(tmp_path).reveal("chap/1")


def test_a_secret_of_a_file_is_what_stands_in_it(secrets: Secrets, tmp_path: Path) -> None:
    path = tmp_path / "ceph.key"
    path.touch(0o600)
    path.write_text("QVFCdGVzdA==\n")
    assert secrets.reveal(f"file/{path}") == "QVFCdGVzdA=="
    with pytest.raises(errors.OrchestratorError, match="cannot be read"):
        secrets.reveal(f"file/{tmp_path}/none")


@pytest.mark.parametrize("text", ["", "[client.admin]\n\tkey = QVFCdGVzdA==\n", "QVFC dGVzdA==", "no-key", "\udcff"])
def test_a_file_with_anything_but_one_key_is_told(secrets: Secrets, tmp_path: Path, text: str) -> None:
    path = tmp_path / "ceph.client.admin.keyring"
    path.touch(0o600)
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(errors.OrchestratorError, match=r"ceph\.client\.admin\.keyring: not a key: it is not exactly one word of base64"):
        secrets.reveal(f"file/{path}")


class Wire:
    """A transport that keeps what it was given."""

    def __init__(self) -> None:
        self.sent: list[Batch] = []

    def run(self, host: Host, batch: Batch, on_record: object) -> tuple[Record, ...]:
        self.sent.append(batch)
        return ()

    def trips(self, host: str) -> int:
        return len(self.sent)

    def close(self) -> None:
        """Nothing to close."""


def test_a_secret_is_put_in_where_it_is_sent(secrets: Secrets) -> None:
    plain, secret = Command(("true",), stdin="x"), Command(("log-in",), secret="chap/1")  # noqa: S106  # its name
    wire, batch = Wire(), Batch("job", 1, (Lane("a", (plain, secret)),))
    sealed.SealedTransport(wire, lambda: secrets).run(Host("h1", "h1"), batch, lambda record: None)
    opened = structs.replace(secret, stdin=secrets.reveal("chap/1"), secret="")
    assert wire.sent == [structs.replace(batch, lanes=(Lane("a", (plain, opened)),))]
    assert secrets.reveal("chap/1") not in repr(batch)


def test_nothing_is_sent_without_its_secret(secrets: Secrets, tmp_path: Path) -> None:
    wire = Wire()
    batch = Batch("job", 1, (Lane("a", (Command(("log-in",), secret=f"file/{tmp_path}/none"),)),))
    with pytest.raises(errors.OrchestratorError, match="cannot be read"):
        sealed.SealedTransport(wire, lambda: secrets).run(Host("h1", "h1"), batch, lambda record: None)
    assert wire.sent == []
