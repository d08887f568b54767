"""Trying again: back-off with jitter, what the destination asks for, and a breaker for one that stays away."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception_type,
    stop_when_event_set,
    wait_exponential,
    wait_random,
)

from sinks.base import Unavailable
from sinks.breaker import Breaker, State
from sinks.metrics import Metrics
from wireverdict.sinking import SinkSettings

LOG = logging.getLogger("wireverdict.sink")


class Patience:
    """Of the sink `name`. `wait`: lets so many s pass. `clock`: s, monotonic."""

    def __init__(
        self,
        name: str,
        settings: SinkSettings,
        metrics: Metrics,
        stop: threading.Event,
        wait: Callable[[float], None],
        clock: Callable[[], float],
    ) -> None:
        self._name, self._metrics, self._stop, self._wait = name, metrics, stop, wait
        self._breaker = Breaker(settings.breaker_failures, settings.breaker_pause, clock)
        first, most = settings.backoff_first, settings.backoff_most
        self._backoff = wait_exponential(first, most) + wait_random(0, first)

    @property
    def careful(self) -> bool:
        """Whether the destination is to be tried with one document."""
        return self._breaker.state == State.HALF_OPEN

    def until_done(self, attempt: Callable[[], object]) -> bool:
        """Until it works; False if it is to stop before. Raises what is not Unavailable."""
        retrying = Retrying(
            retry=retry_if_exception_type(Unavailable),
            wait=self._pause,
            sleep=self._wait,
            stop=stop_when_event_set(self._stop),
            before_sleep=self._failed,
            reraise=True,
        )
        try:
            retrying(attempt)
        except Unavailable as error:
            LOG.warning("stopped before delivery", extra={"sink": self._name, "reason": str(error)})
            return False
        self.worked()
        return True

    def worked(self) -> None:
        """The destination took something."""
        if self._breaker.state != State.CLOSED:
            LOG.info("destination is back", extra={"sink": self._name})
        self._breaker.succeeded()
        self._metrics.circuit.labels(self._name).set(State.CLOSED)

    def _pause(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = (error.retry_after if isinstance(error, Unavailable) else None) or 0.0
        self._breaker.failed()
        return max(self._backoff(state), asked, self._breaker.remaining)

    def _failed(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._metrics.retries.labels(self._name).inc()
        self._metrics.circuit.labels(self._name).set(self._breaker.state)
        seconds = round(state.next_action.sleep, 1) if state.next_action else 0
        about = {"sink": self._name, "reason": str(error), "attempt": state.attempt_number, "wait": seconds}
        LOG.warning("delivery failed", extra=about)
