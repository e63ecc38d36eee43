"""HTTP as a server speaks it: ETags, heads, methods and paths."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from qsim import versions
from tests.servers import Served, in_thread


def test_an_answer_that_the_asker_has_is_not_sent_again(server: Served) -> None:
    first = server.get("/api/deals")
    again = server.get("/api/deals", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"") and again.headers["ETag"] == first.headers["ETag"]


def test_an_answer_of_another_version_is_sent_again(questioned: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with in_thread(questioned) as (port, _), httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        tags = {path: client.get(path).headers["ETag"] for path in ("/api/status", "/api/deals", "/api/boards/depths")}
        monkeypatch.setattr(versions, "own", lambda: "9.9")
        for path, tag in tags.items():
            assert client.get(path, headers={"If-None-Match": tag}).status_code == 200, path


@pytest.mark.parametrize(
    "path", ["/", "/page/index.html", "/api/deals", "/api/prices?limit=2", "/api/status", "/api/boards/depths"]
)
@pytest.mark.parametrize("given", ['"x", "y"', '"x", W/{}', "W/{}", '"a,b",{},"y"', "*"])
def test_a_list_of_tags_a_weak_one_and_any_are_understood_everywhere(given: str, path: str, server: Served) -> None:
    first = server.get(path)
    again = server.get(path, headers={"If-None-Match": given.format(first.headers["ETag"])})
    assert again.status_code == (200 if "y" in given and "{}" not in given else 304)
    assert again.headers["ETag"] == first.headers["ETag"]


@pytest.mark.parametrize(
    "path",
    [
        "/api/products/999999",
        "/api/cheapest?product=zzzz",
        "/api/boards/prices/999999",
        "/api/prices?cursor=1.0123456789abcdef",
    ],
)
def test_what_is_refused_is_not_told_as_unchanged(path: str, server: Served) -> None:
    for tag in ("*", server.get("/api/status").headers["ETag"]):
        assert server.get(path, headers={"If-None-Match": tag}).status_code == 404


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/health", "/metrics", "/api/status", "/api/deals?limit=3", "/openapi.json",
                                  "/api/boards/depths", "/api/products/999999"])  # fmt: skip
def test_a_head_has_the_headers_of_a_get_and_no_body(path: str, server: Served) -> None:
    whole, head = server.get(path), server.client.head(path)
    assert (head.status_code, head.content) == (whole.status_code, b"")
    passing = {"date", "content-length"} if path in ("/health", "/metrics") else {"date"}
    kept = [{name: value for name, value in one.headers.items() if name not in passing} for one in (whole, head)]
    assert kept[0] == kept[1] and "content-length" in head.headers


def test_a_head_has_no_body_on_the_wire_nor_where_it_is_refused(server: Served) -> None:
    for path, status in (("/api/status", b"200"), ("/api/events", b"405"), ("/api/sql", b"405")):
        raw = server.raw(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert raw.split()[1] == status and raw.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/api/status", "GET, HEAD"),
        ("/openapi.json", "GET, HEAD"),
        ("/", "GET, HEAD"),
        ("/api/events", "GET"),
        ("/api/sql", "POST"),
    ],
)
def test_who_asks_by_a_method_that_is_none_is_told_the_ones_that_are(path: str, allowed: str, server: Served) -> None:
    answer = server.client.request("DELETE", path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert answer.json()["error"].endswith(f"use {allowed}")


def test_a_whole_url_is_asked_for_as_its_path_at_its_host(server: Served) -> None:
    def asked(target: str, host: str = "localhost") -> tuple[bytes, bytes]:
        raw = server.raw(f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        head, _, body = raw.partition(b"\r\n\r\n")
        return head.split()[1], body

    for path in ("/api/products?search=milk&limit=2", "/", "/page/app.js"):
        assert asked(f"http://localhost:{server.port}{path}", "elsewhere.example") == asked(path) != (b"404", b"")
    assert asked("HTTP://127.0.0.1") == asked("/")
    assert asked("http://elsewhere.example/api/status")[0] == b"421"


def test_a_path_with_a_slash_at_its_end_is_refused_as_all_others(server: Served) -> None:
    answer = server.get("/api/status/")
    assert answer.status_code == 404 and "/api/status/" in answer.json()["error"]
