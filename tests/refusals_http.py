"""Bad requests over HTTP, numbered as the promise counts them: what is sent, what is answered."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Request:
    """A bad request: its number and name, the status of the answer, what its line must say, and the request itself."""

    number: int
    name: str
    status: int
    says: tuple[str, ...]
    path: str
    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None

    def __str__(self) -> str:
        return f"{self.number}-{self.name}"


def _get(number: int, name: str, path: str, status: int, *says: str, **headers: str) -> Request:
    return Request(
        number, name, status, says, path, headers={key.replace("_", "-"): value for key, value in headers.items()}
    )


def _json(number: int, name: str, path: str, body: str | bytes, status: int, *says: str) -> Request:
    content = body if isinstance(body, bytes) else body.encode()
    return Request(number, name, status, says, path, "POST", {"Content-Type": "application/json"}, content)


def _with(number: int, name: str, method: str, path: str, status: int, *says: str) -> Request:
    return Request(number, name, status, says, path, method, {"Content-Type": "application/json"}, b"{}")


MEGABYTE = b'{"query":"' + b"x" * (1 << 20) + b'"}'

REQUESTS = [
    _get(67, "dots", "/page/../app.py", 404, "no such file"),
    _get(67, "dots in percent", "/page/%2e%2e%2fapp.py", 404, "no such file"),
    _get(67, "dots in a number", "/api/products/..%2f..%2fLOCK", 404, "nothing is there"),
    _get(67, "nul", "/page/index.html%00.js", 404, "no such file"),
    _get(67, "absolute path", "/page//etc/passwd", 404, "no such file"),
    _get(67, "absolute path in percent", "/%2fetc%2fpasswd", 404, "nothing is there"),
    _get(69, "quote in a platform", "/api/deals?platform=zepto%27%3B--", 404, "platform 'zepto';--'", "not in this market"),
    _get(69, "comment in a category", "/api/deals?category=x%27%20OR%201%3D1%20--", 404, "category", "not in this market"),
    _get(69, "quote in a product", "/api/cheapest?product=%27%20UNION%20SELECT%201", 404, "this market has none"),
    _get(69, "quote in a pincode", "/api/cheapest?product=onion&pincode=%27%3B", 404, "no store there"),
    _get(70, "unknown sort", "/api/deals?sort=price", 400, "sort: no such parameter", "mend"),
    _get(70, "unknown filter", "/api/products?categry=x", 400, "categry", "nearest is 'category'"),
    _get(70, "a parameter where none is", "/api/status?x=1", 400, "x: no such parameter", "takes none"),
    _get(71, "limit 1e9", "/api/deals?limit=1000000000", 422, "limit", "1000000000", "less than or equal to 500"),
    _get(71, "limit -1", "/api/products?limit=-1", 422, "limit", "-1", "greater than or equal to 1"),
    _get(71, "limit abc", "/api/prices?limit=abc", 422, "limit", "abc", "valid integer"),
    _get(71, "discount nan", "/api/deals?min_discount=nan", 422, "min_discount", "nan"),
    _get(72, "cursor of nothing", "/api/products?cursor=%27", 422, "cursor", "`next` of the page before"),
    _get(72, "cursor forged", "/api/products?cursor=99.0123456789abcdef", 404, "cursor", "begin without"),
    _get(73, "since after until", "/api/products/1/history?since=5&until=3", 422, "since", "after until", "turn them round"),
    _get(73, "times the wrong way", "/api/metrics?since=2026-01-01T00:00:45&until=2026-01-01T00:00:05", 422, "after until"),
    _get(74, "tick beyond int64", "/api/prices?as_of=99999999999999999999", 422, "as_of", "allowed is a tick"),
    _get(74, "tick of int64", "/api/prices?as_of=9223372036854775807", 404, "as_of", "ticks 0 to 10"),
    _get(74, "tick below 0", "/api/prices?as_of=-1", 422, "as_of"),
    _get(74, "time beyond", "/api/prices?as_of=2999-01-01", 404, "as_of", "ticks 0 to 10"),
    _get(74, "no such time", "/api/prices?as_of=2026-02-30", 422, "as_of", "2026-02-30", "mend"),
    _get(74, "product beyond int64", "/api/products/99999999999999999999", 422, "product_id"),
    _get(74, "product beyond the last", "/api/products/12", 404, "product 12", "0 to 11"),
    _get(74, "changes of a product beyond the last", "/api/events?product_id=12", 404, "product 12", "0 to 11"),
    _get(77, "no product", "/api/cheapest", 422, "product: found nothing", "has to be given", "mend"),
    _get(75, "twice", "/api/deals?limit=1&limit=2", 400, "limit: found twice", "leave one out"),
    _get(76, "long url", "/api/products?search=" + "x" * 8200, 414, "url", "8,192", "shorten"),
    Request(77, "body of a get", 400, ("body", "none"), "/api/status", body=b"{}"),
    _json(77, "body above a megabyte", "/api/sql", MEGABYTE, 413, "body", "1,048,576", "send less"),
    _json(77, "no json", "/api/sql", b"{", 422, "body: is not JSON: ", "at character 1", "mend"),
    _json(77, "no utf-8", "/api/sql", b'{"query": "\xff"}', 400, "body", "JSON in UTF-8", "mend"),
    _json(77, "nested", "/api/sql", b'{"query": ' + b"[" * 100_000 + b"}", 400, "body", "nested", "mend"),
    _json(77, "half a sign", "/api/sql", b'{"query": "\\ud800"}', 422, "unicode", "mend"),
    _json(77, "unknown key", "/api/basket", '{"budgt": 5}', 422, "budgt", "mend"),
    _json(77, "no query", "/api/sql", '{"sql": "SELECT 1"}', 422, "body.query: found nothing", "has to be given", "body.sql: found"),
    _json(77, "half a pack", "/api/basket", '{"items": [{"name": "onion", "quantity": 0.5}]}', 422, "quantity"),
    _json(77, "budget of infinity", "/api/basket", '{"budget": 1e999}', 422, "budget"),
    Request(77, "another type", 415, ("content-type", "application/json"), "/api/sql", "POST", {"Content-Type": "text/plain"}, b"x"),
    _with(78, "post", "POST", "/api/status", 405, "POST", "use GET"),
    _with(78, "put", "PUT", "/api/products/1", 405, "PUT", "use GET"),
    _with(78, "delete", "DELETE", "/api/products/1", 405, "DELETE", "use GET"),
    _get(78, "get of sql", "/api/sql", 405, "GET", "use POST"),
    _get(79, "another host", "/api/status", 421, "host", "evil.example", "127.0.0.1", Host="evil.example"),
    _get(79, "host that ends alike", "/", 421, "host", Host="localhost.evil.example:80"),
    _get(79, "host with a user", "/", 421, "host", Host="127.0.0.1@evil.example"),
    _get(79, "another origin", "/api/status", 403, "origin", "evil.example", Origin="http://evil.example"),
    _get(79, "no origin", "/api/status", 403, "origin", "null", Origin="null"),
    _get(79, "script of another site", "/api/status", 403, "origin", Sec_Fetch_Site="cross-site", Sec_Fetch_Mode="no-cors"),
    _get(83, "last id of nothing", "/api/events", 400, "Last-Event-ID", "garbage", "leave it out", Last_Event_ID="garbage"),
    _get(83, "last id below 0", "/api/events", 400, "Last-Event-ID", Last_Event_ID="-1:0"),
    _get(83, "last id of many digits", "/api/events", 400, "Last-Event-ID", Last_Event_ID="1" * 30 + ":0"),
    _get(84, "line feeds in a path", "/nope%0d%0aSet-Cookie:%20a=b", 404, "nope Set-Cookie"),
    _get(84, "line feeds in a name", "/api/cheapest?product=x%0d%0aSet-Cookie:%20a=b", 404, "Set-Cookie"),
    _get(84, "escapes in a platform", "/api/deals?platform=%1b%5b31m", 404, "\\x1b[31m"),
    _json(87, "copy", "/api/sql", '{"query": "COPY prices TO \'x\'"}', 400, "COPY", "one SELECT"),
    _json(91, "two queries", "/api/sql", '{"query": "SELECT 1; SELECT 2"}', 400, "SELECT, SELECT", "one SELECT"),
    _json(92, "file outside", "/api/sql", '{"query": "SELECT * FROM read_csv(\'/etc/passwd\')"}', 400, "read_csv"),
]  # fmt: skip
