"""A data file comes from a folder, the cache or the network, and never with a wrong checksum."""

from __future__ import annotations

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from pellucid.core.errors import Unreachable, UnreadableFile
from pellucid.data import fetch as fetching
from pellucid.data.fetch import cached, fetch
from pellucid.data.registry import RECORDS, Origin, Source

CONTENT = b"a,b\n1,2\n" * 20_000


class Shelf(BaseHTTPRequestHandler):
    """Answers by the last part of the path."""

    asked: list[str]
    fail_first = 0

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.path == "/flaky" and len(self.asked) <= 1:
            return self.send_error(503)
        if self.path == "/absent":
            return self.send_error(404)
        body = CONTENT.replace(b"2", b"3") if self.path == "/changed" else CONTENT
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(body[:5000] if self.path == "/truncated" else body)
        return None

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Shelf.asked = []
    shelf = HTTPServer(("127.0.0.1", 0), Shelf)
    thread = threading.Thread(target=shelf.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{shelf.server_port}"
    shelf.shutdown()
    shelf.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    monkeypatch.setattr(fetching, "PAUSE_S", 0.0)


def source(*urls: str) -> Source:
    digest = hashlib.sha256(CONTENT).hexdigest()
    return Source(
        path="shelf/table.csv",
        sha256=digest,
        content=digest,
        origins=tuple(Origin(urls=(url,)) for url in urls),
    )


def test_a_download_is_checked_kept_and_not_repeated(server: str, tmp_path: Path) -> None:
    wanted = source(f"{server}/good")
    seen: list[tuple[int, int | None]] = []
    assert fetch(wanted, progress=lambda done, total: seen.append((done, total))) == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert cached(wanted) == tmp_path / "cache" / "pellucid" / "shelf" / "table.csv"
    assert [path.name for path in cached(wanted).parent.iterdir()] == ["table.csv"]
    assert fetch(wanted) == CONTENT
    assert Shelf.asked == ["/good"]


def test_a_damaged_cache_is_fetched_again(server: str) -> None:
    wanted = source(f"{server}/good")
    fetch(wanted)
    cached(wanted).write_bytes(b"damaged")
    assert fetch(wanted) == CONTENT
    assert cached(wanted).read_bytes() == CONTENT


def test_a_busy_server_is_asked_again(server: str) -> None:
    assert fetch(source(f"{server}/flaky")) == CONTENT
    assert Shelf.asked == ["/flaky", "/flaky"]


def test_the_next_address_is_tried(server: str) -> None:
    assert fetch(source(f"{server}/absent", f"{server}/changed", f"{server}/good")) == CONTENT
    assert Shelf.asked == ["/absent", "/changed", "/good"]


@pytest.mark.parametrize(
    ("path", "reason", "times"),
    [
        ("/changed", "other content than expected", 1),
        ("/truncated", "ended after 5000 of 160000 bytes", 3),
        ("/absent", "HTTP 404", 1),
    ],
)
def test_a_bad_download_is_never_kept(server: str, path: str, reason: str, times: int) -> None:
    wanted = source(f"{server}{path}")
    with pytest.raises(Unreachable, match=reason) as caught:
        fetch(wanted)
    assert "PELLUCID_DATA" in str(caught.value)
    assert Shelf.asked == [path] * times
    assert not cached(wanted).exists()


def test_a_refused_connection_says_so_and_what_to_do(server: str) -> None:
    refused = "http://127.0.0.1:1/table.csv"
    with pytest.raises(Unreachable, match=r"Connection refused.*set PELLUCID_DATA.*table.csv") as e:
        fetch(source(refused), retries=0, timeout=2)
    assert refused in str(e.value)


def test_a_converter_that_meets_another_file_is_no_crash(server: str) -> None:
    wanted = source(f"{server}/good")
    odd = Source(
        path=wanted.path,
        sha256=wanted.sha256,
        content=wanted.content,
        origins=(
            Origin(urls=(f"{server}/good",), convert="south_german"),
            Origin(urls=(f"{server}/good",), member="table.csv"),
        ),
    )
    with pytest.raises(Unreachable, match=r"other content than expected.*not the file expected"):
        fetch(odd)


def test_the_data_folder_comes_first_and_must_be_right(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "folder" / "shelf" / "table.csv.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(gzip.compress(CONTENT, mtime=0))
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "folder"))
    wanted = Source(
        path="shelf/table.csv.gz",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        content=hashlib.sha256(CONTENT).hexdigest(),
        origins=(Origin(urls=(f"{server}/good",)),),
    )
    assert fetch(wanted) == CONTENT
    assert Shelf.asked == []
    path.write_bytes(b"other")
    with pytest.raises(UnreadableFile, match=r"table\.csv\.gz"):
        fetch(wanted)


def test_every_registered_address_is_https_and_every_converter_exists() -> None:
    sources = [record.source for record in RECORDS if isinstance(record.source, Source)]
    origins = [origin for known in sources for origin in known.origins]
    assert len(sources) == 8
    assert all(url.startswith("https://") for origin in origins for url in origin.urls)
    assert {origin.convert for origin in origins} <= set(fetching.ORIGINALS)
