"""What a host fetches, follows and refuses: curl and wget alike, in a network of their own."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.drivers.images import download, sources
from orchestrator.model import errors
from tests.images import web

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="makes a network of its own")
NEEDED = ("sh", "awk", "df", "stat", "rm", "sleep", "grep", "sed", "tail", "tr", "getent", "timeout", "cat")


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Iterator[web.Net]:
    with web.net(tmp_path_factory.mktemp("net")) as made:
        yield made


@pytest.fixture(scope="module", params=["curl", "wget"])
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A PATH with one of the two alone."""
    folder = tmp_path_factory.mktemp(request.param)
    for tool in (*NEEDED, request.param):
        found = shutil.which(tool)
        assert found, f"{tool} is needed"
        (folder / tool).symlink_to(found)
    return folder


@pytest.fixture
def fetch(net: web.Net, tools: Path, tmp_path: Path) -> Fetch:
    return Fetch(net, tools, tmp_path / "part")


class Fetch:
    """Fetches, and says what was said."""

    def __init__(self, net: web.Net, tools: Path, part: Path) -> None:
        self.net, self.tools, self.part = net, tools, part

    def url(self, path: str, host: str = web.PRIVATE) -> str:
        return f"http://{host}:{self.net.port}/{path}"

    def __call__(self, url: str, most: int = download.MOST) -> str:
        done = self.net.run("sh", "-c", download.SCRIPT, "fetch-image", url, str(self.part), str(most), tools=self.tools)
        left = sorted(each.name for each in self.part.parent.iterdir())
        assert left == (["part"] if done.returncode == 0 else []), done.stdout
        assert done.returncode == int(bool(done.stdout)), done.stdout
        return done.stdout.strip()

    def good(self, url: str) -> bool:
        assert self(url) == ""
        return hashlib.sha256(self.part.read_bytes()).digest() == hashlib.sha256(web.IMAGE).digest()


def test_an_image(fetch: Fetch) -> None:
    assert fetch.good(fetch.url("image"))


def test_a_name_is_resolved_once_and_asked_by_its_name(fetch: Fetch) -> None:
    fetch.net.knows("images.example", web.PUBLIC)
    assert fetch.good(f"http://images.example:{fetch.net.port}/image?by=name")
    assert fetch.net.asked[-1] == f"images.example:{fetch.net.port} /image?by=name"


def test_an_ipv6_address(fetch: Fetch) -> None:
    said = fetch(f"http://[fd00:77::1]:{fetch.net.port}/image")
    assert "got status 000" in said, "judged good, and nobody listens there"


@pytest.mark.parametrize("hops", ["/image", "image", "http://{private}:{port}/image", "/to?/to?/to?/image"])
def test_redirects_are_followed(hops: str, fetch: Fetch) -> None:
    assert fetch.good(fetch.url("to?" + hops.format(private=web.PRIVATE, port=fetch.net.port)))


TARGETS = {
    "127.0.0.1": "http://127.0.0.1:{port}/image",
    "this host by name": "http://localhost:{port}/image",
    "IPv6 loopback": "http://[::1]:{port}/image",
    "mapped loopback": "http://[::ffff:127.0.0.1]:{port}/image",
    "mapped in hexadecimal": "http://[::ffff:7f00:1]:{port}/image",
    "unspecified": "http://0.0.0.0:{port}/image",
    "unspecified IPv6": "http://[::]:{port}/image",
    "link": "http://169.254.169.254/latest/meta-data",
    "IPv6 link": "http://[fe80::1]/x",
    "group": "http://224.0.0.1/x",
    "IPv6 group": "http://[ff02::1]/x",
    "broadcast": "http://255.255.255.255/x",
    "decimal": "http://2130706433:{port}/image",
    "octal": "http://0177.0.0.1:{port}/image",
    "hexadecimal": "http://0x7f000001:{port}/image",
    "hexadecimal part": "http://127.0.0.0x1:{port}/image",
    "short": "http://127.1:{port}/image",
    "file": "file:///etc/passwd",
    "ftp": "ftp://{private}/image",
    "gopher": "gopher://{private}/image",
    "user": "http://me:secret@{private}:{port}/image",
    "user who looks like a host": "http://{private}:{port}@127.0.0.1/image",
    "no port": "http://{private}:x/image",
    "rebound": "http://rebound.example:{port}/image",
    "one of two": "http://two.example:{port}/image",
}


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
def test_targets_that_are_refused(target: str, fetch: Fetch) -> None:
    """As a redirect, and as the address itself; the target is never asked."""
    fetch.net.knows("rebound.example", "127.0.0.1")
    fetch.net.knows("two.example", web.PRIVATE, "127.0.0.1")
    target = target.format(private=web.PRIVATE, port=fetch.net.port)
    before = len(fetch.net.asked)
    said = fetch(fetch.url(f"to?{target}"))
    assert said.startswith("the image is not fetched: "), said
    assert len(fetch.net.asked) == before + 1
    assert fetch(target).startswith(f"the image is not fetched: {target}: ")
    assert len(fetch.net.asked) == before + 1


def test_no_way_from_a_public_address_into_a_private_network(fetch: Fetch) -> None:
    inside = fetch.url("image")
    assert "in a private network" in fetch(fetch.url(f"to?{inside}", web.PUBLIC))
    assert fetch.good(fetch.url(f"to?{fetch.url('image', web.OTHER)}", web.PUBLIC))
    assert fetch.good(fetch.url(f"to?{fetch.url('image', web.OTHER)}", web.PRIVATE))


def test_redirects_without_an_end(fetch: Fetch) -> None:
    assert fetch(fetch.url("round")).endswith("more than 5 redirects")


def test_a_page_that_is_not_there(fetch: Fetch) -> None:
    assert fetch(fetch.url("nothing")).endswith("/nothing: expected an image, got status 404")


def test_a_server_that_recovers(fetch: Fetch) -> None:
    assert fetch.good(fetch.url(f"broken/{fetch.tools.name}?3"))


def test_one_that_does_not(fetch: Fetch) -> None:
    assert "got status 503" in fetch(fetch.url(f"broken/{fetch.tools.name}/x?9"))


def test_truncated_and_known_to_be(fetch: Fetch) -> None:
    assert f"{len(web.IMAGE) // 2} bytes, 3 times" in fetch(fetch.url("truncated"))


def test_too_large(fetch: Fetch) -> None:
    for path in ("image", "endless"):
        assert "is larger than 500000 bytes" in fetch(fetch.url(path), most=500_000)


def test_a_name_nobody_knows(fetch: Fetch) -> None:
    assert fetch("http://nobody.invalid/image").endswith("the name nobody.invalid is not known there")


def test_neither_tool(net: web.Net, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    for tool in NEEDED:
        (folder / tool).symlink_to(str(shutil.which(tool)))
    argv = ("sh", "-c", download.SCRIPT, "fetch-image", "http://10.250.0.1/x", str(tmp_path / "part"), "1")
    done = net.run(*argv, tools=folder)
    assert (done.returncode, "neither curl nor wget" in done.stdout) == (1, True)


@pytest.mark.parametrize("target", [each for each in TARGETS.values() if ".example" not in each])
def test_the_same_is_refused_in_a_playbook(target: str) -> None:
    with pytest.raises(errors.SpecError):
        sources.check_url(target.format(private=web.PRIVATE, port=80))


@pytest.mark.parametrize(
    "odd",
    [
        "http://a/\n",
        "http:///image",
        "http://a/ b",
        'http://a/"',
        "http://a\\@b/",
        "http://a:0/",
        "http://a:99999/",
        "http://é/",
        "http://-x/",
    ],
)
def test_odd_addresses_are_refused_in_a_playbook(odd: str) -> None:
    with pytest.raises(errors.SpecError):
        sources.check_url(odd)


@pytest.mark.parametrize(
    "good",
    [
        "https://cloud.debian.org/images/x.qcow2?a=b&c=%20#d",
        "http://10.0.0.7:8080/x",
        "http://[fd00::7]:80/x",
        "http://h",
        "http://8.8.8.8/x",
    ],
)
def test_good_addresses(good: str) -> None:
    sources.check_url(good)
