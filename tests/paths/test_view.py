"""From judgements to the flag `policed`."""

from __future__ import annotations

import pytest

from wireverdict.paths.judgement import Cause, Judgement
from wireverdict.paths.layout import FALSE, TRUE
from wireverdict.paths.view import answer_of


@pytest.mark.parametrize(
    ("cause", "answer"),
    [
        (Cause.POLICED, TRUE),
        (Cause.POLICED_PARTLY_SEEN, TRUE),
        (Cause.QUEUE, FALSE),
        (Cause.RANDOM, FALSE),
        (Cause.SHALLOW, 0),
        (Cause.UNDECIDED, 0),
        (Cause.TOO_FEW, 0),
    ],
)
def test_answers(cause: Cause, answer: int) -> None:
    assert answer_of(Judgement(cause, 20, 100)) == answer
