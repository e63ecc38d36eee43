"""What the server tells to Prometheus: requests, their times, streams, how it keeps up with the market, and figures of the market."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.types import Scope

# Values with their labels, which stand in the order of the labels' names.
Values = Iterable[tuple[tuple[str, ...], float]]
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


@dataclass(frozen=True)
class _Figures:
    """Figures of one name, each with its labels, that are asked for when they are read."""

    name: str
    text: str
    labels: tuple[str, ...]
    values: Callable[[], Values]

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(self.name, self.text, labels=self.labels)
        for labels, value in self.values():
            family.add_metric(labels, value)
        yield family


class Measures:
    """The figures of one app, in a registry of its own, and those of its process where the system tells them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter("qsim_http_requests", "Requests answered.", ["route", "status"], registry=self.registry)
        self.seconds = Histogram(
            "qsim_http_seconds", "Seconds until an answer began.", ["route"], registry=self.registry, buckets=_BUCKETS
        )
        self.follow_seconds = Histogram(
            "qsim_follow_seconds", "Seconds to move to a newer commit.", registry=self.registry, buckets=_BUCKETS
        )
        self.follow_faults = Counter(
            "qsim_follow_faults", "Commits that could not be followed.", registry=self.registry
        )
        self.messages = Counter("qsim_stream_messages", "Messages given to streams.", registry=self.registry)
        self.lagged = Counter("qsim_stream_lagged", "Messages that slow streams missed.", registry=self.registry)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a figure that is asked for when it is read."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def figures(self, name: str, text: str, labels: tuple[str, ...], values: Callable[[], Values]) -> None:
        """Add figures of one name that are asked for when they are read, each as its labels and its value."""
        self.registry.register(_Figures(name, text, labels, values))

    @staticmethod
    def begin() -> float:
        """Give the time at which a request began."""
        return perf_counter()

    def answered(self, scope: Scope, status: int, begun: float) -> None:
        """Count an answer to a request that began then, under the route that took it."""
        route = getattr(scope.get("route"), "path", "other")
        self.requests.labels(route, str(status)).inc()
        self.seconds.labels(route).observe(perf_counter() - begun)

    def forget(self) -> None:
        """Begin to count requests anew."""
        self.requests.clear()
        self.seconds.clear()

    def text(self) -> bytes:
        """Write all figures as Prometheus reads them."""
        return generate_latest(self.registry)
