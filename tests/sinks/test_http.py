"""HTTP for destinations: what is connected to, and what answers mean."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from sinks.base import Unavailable
from sinks.guard import Forbidden
from sinks.http import CheckedBackend, Rejected, client, judge, post, retry_after
from tests.sinks.front import Answer, Front, Request, certified


class Recorder:
    """Connects to nobody."""

    def __init__(self) -> None:
        self.connected: list[tuple[str, int]] = []

    def connect_tcp(self, host: str, port: int, *rest: Any) -> httpcore.NetworkStream:
        self.connected.append((host, port))
        raise httpcore.ConnectError("refused")


def backend(answers: list[list[str]], allow_private: bool = False) -> tuple[CheckedBackend, Recorder]:
    made = CheckedBackend(allow_private, lambda host, port: answers.pop(0))
    recorder = Recorder()
    made._inner = recorder  # type: ignore[assignment]
    return made, recorder


def test_a_name_that_changes_its_address_gains_nothing() -> None:
    """DNS rebinding: public when it is checked, private when it is connected to. Here it is looked up once."""
    answers = [["8.8.8.8"], ["127.0.0.1"]]
    made, recorder = backend(answers)
    with pytest.raises(httpcore.ConnectError):
        made.connect_tcp("example.com", 443)
    assert recorder.connected == [("8.8.8.8", 443)]
    assert answers == [["127.0.0.1"]]


def test_every_address_is_tried_and_none_that_is_forbidden() -> None:
    made, recorder = backend([["8.8.8.8", "9.9.9.9"], ["8.8.8.8", "127.0.0.1"]])
    with pytest.raises(httpcore.ConnectError):
        made.connect_tcp("example.com", 443)
    assert [host for host, _ in recorder.connected] == ["8.8.8.8", "9.9.9.9"]
    with pytest.raises(Forbidden):
        made.connect_tcp("example.com", 443)
    assert len(recorder.connected) == 2


@pytest.fixture
def front() -> Iterator[Front]:
    made = Front(lambda request: Answer(200, request.body.upper()))
    yield made
    made.close()


def test_a_post(front: Front) -> None:
    with client(2.0, 2.0) as made:
        assert post(made, f"{front.url}/a?b=c", b"hello", {"X": "y"}) == b"HELLO"
    (request,) = front.requests
    assert isinstance(request, Request)
    assert (request.method, request.path, request.headers["X"]) == ("POST", "/a?b=c", "y")


def test_a_plain_server_where_tls_is_expected(front: Front) -> None:
    with client(2.0, 2.0) as made, pytest.raises(Unavailable, match="https://localhost"):
        post(made, front.url.replace("http:", "https:"), b"", {})


@pytest.mark.parametrize(
    ("names", "trusted"), [("DNS:localhost", False), ("DNS:other.example", True)], ids=["of nobody", "of another"]
)
def test_certificates_that_are_no_good(tmp_path: Path, names: str, trusted: bool) -> None:
    context, certificate = certified(tmp_path, names)
    front = Front(lambda request: Answer(200), context)
    given = certificate if trusted else ""
    with client(2.0, 2.0, ca_file=given) as made, pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
        post(made, front.url + "/?token=s3cr3t", b"", {})
    assert front.requests == []
    front.close()


def test_a_certificate_of_the_right_one(tmp_path: Path) -> None:
    context, certificate = certified(tmp_path)
    front = Front(lambda request: Answer(200, b"hello"), context)
    with client(2.0, 2.0, ca_file=certificate) as made:
        assert post(made, front.url, b"", {}) == b"hello"
    front.close()


def test_an_answer_without_end_is_not_read_to_its_end(front: Front) -> None:
    front.upstream = lambda request: Answer(200, b"x" * 3_000_000)
    with client(2.0, 2.0) as made:
        assert 65_536 < len(post(made, front.url, b"", {})) < 3_000_000


@pytest.mark.parametrize("status", [400, 405, 410, 413, 422])
def test_answers_about_the_request(status: int) -> None:
    with pytest.raises(Rejected, match=f"https://h/p: status {status}: bad thing"):
        judge(httpx.Response(status), b"bad\n  thing", "https://u:p@h/p?token=x")


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 502, 503, 301, 307])
def test_answers_about_the_endpoint(status: int) -> None:
    with pytest.raises(Unavailable) as told:
        judge(httpx.Response(status, headers={"location": "/"}), b"", "https://u:p@h/p?token=x")
    assert "token" not in str(told.value)
    assert "u:p" not in str(told.value)


def test_retry_after_is_seconds_or_a_date() -> None:
    assert retry_after("120", 0.0) == 120.0
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 20.0) == 40.0
    assert retry_after("Thu, 01 Jan 1970 00:01:00 GMT", 90.0) == 0.0
    assert retry_after("", 0.0) is None
    assert retry_after("soon", 0.0) is None
