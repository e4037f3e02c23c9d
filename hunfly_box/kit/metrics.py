"""What the process counts about itself, under names that dashboards rely on. No label tells a tenant or a number."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from time import perf_counter

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
JOB_SECONDS = (0.05, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0)

# Our own registry: the library's default one brings figures we did not choose.
REGISTRY = CollectorRegistry()

_http_duration = Histogram(
    "hunfly_http_request_duration_seconds", "From request to answer", buckets=SECONDS, registry=REGISTRY
)
_http_requests = Counter("hunfly_http_requests", "Answers by status", ["status"], registry=REGISTRY)
_jobs_failed = Counter("hunfly_worker_jobs_failed", "Jobs that ended in an error", ["job"], registry=REGISTRY)
_backlog = Gauge("hunfly_queue_backlog", "Work that is due and not yet done", registry=REGISTRY)
_processing_time = Histogram(
    "hunfly_queue_processing_time", "Seconds a job took", buckets=JOB_SECONDS, registry=REGISTRY
)
_streams = Gauge("hunfly_sse_active_connections", "Live streams open now", registry=REGISTRY)
_events_sent = Counter("hunfly_sse_events_sent", "Events written to live streams", registry=REGISTRY)
_streams_cut = Counter("hunfly_sse_streams_cut", "Streams ended because they read too slowly", registry=REGISTRY)


class _Webhooks(Collector):
    """Counted from the event loop only, and often: the library's own counters cost as much as proving a signature."""

    def __init__(self) -> None:
        self._statuses: dict[int, int] = {}
        self._buckets = [0] * (len(SECONDS) + 1)
        self._seconds = 0.0

    def count(self, status: int, seconds: float) -> None:
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._buckets[bisect_left(SECONDS, seconds)] += 1
        self._seconds += seconds

    def collect(self) -> Iterator[Metric]:
        answered = CounterMetricFamily("hunfly_webhooks", "Webhooks by the status of their answer", labels=["status"])
        for status, count in tuple(self._statuses.items()):
            answered.add_metric([str(status)], count)
        yield answered
        so_far = accumulate(tuple(self._buckets))
        bounds = (*map(str, SECONDS), "+Inf")
        yield HistogramMetricFamily(
            "hunfly_webhook_processing_duration_seconds",
            "From a webhook's arrival to its durable answer",
            buckets=list(zip(bounds, so_far, strict=True)),
            sum_value=self._seconds,
        )


_webhooks = _Webhooks()
REGISTRY.register(_webhooks)
_taking_over = threading.Lock()
_taken_over = {"events": 0, "cut": 0}


def http_answered(status: int, seconds: float) -> None:
    _http_requests.labels(status).inc()
    _http_duration.observe(seconds)


def webhook_answered(status: int, seconds: float) -> None:
    _webhooks.count(status, seconds)


def jobs_are(jobs: Iterable[str]) -> None:
    """So that a job that never failed shows as 0, not as nothing."""
    for job in jobs:
        _jobs_failed.labels(job)


def job_failed(job: str) -> None:
    _jobs_failed.labels(job).inc()


def job_took(seconds: float) -> None:
    _processing_time.observe(seconds)


@contextmanager
def job_timed(job: str) -> Iterator[None]:
    started = perf_counter()
    try:
        yield
    except BaseException:
        job_failed(job)
        raise
    finally:
        job_took(perf_counter() - started)


def backlog_is(due: int) -> None:
    _backlog.set(due)


def stream_opened() -> None:
    _streams.inc()


def stream_closed() -> None:
    _streams.dec()


def streams_so_far(events_sent: int, cut_off: int) -> None:
    """The hub counts for itself, in the hottest loop; its totals are taken over when the figures are read."""
    with _taking_over:
        _events_sent.inc(max(0, events_sent - _taken_over["events"]))
        _streams_cut.inc(max(0, cut_off - _taken_over["cut"]))
        _taken_over.update(events=events_sent, cut=cut_off)


def exposition() -> bytes:
    return generate_latest(REGISTRY)
