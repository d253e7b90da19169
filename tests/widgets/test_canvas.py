"""The canvas in a notebook tells of queries and stages, and every message is answered."""

import pytest
from mouse import send

from satkit.widgets.canvas import Canvas, ForgettingCanvas, RelationCanvas


@pytest.fixture
def canvas():
    """A canvas that keeps what it was told."""
    heard = []
    made = Canvas("A canvas.", lambda *query: heard.append(query), heard.append)
    made.heard = heard
    return made


def test_queries_and_stages_arrive_and_each_is_answered(canvas):
    send(canvas, {"kind": "query", "pixel": [3, 4], "pinned": None, "number": 1})
    send(canvas, {"kind": "query", "pixel": [3, 4], "pinned": [0, 1], "number": 2})
    send(canvas, {"kind": "stage", "step": -7, "number": 3})
    send(canvas, {"kind": "something else"})
    assert canvas.heard == [((3, 4), None), ((3, 4), (0, 1)), -1]
    assert canvas.answers == 4


def test_a_message_that_fails_is_answered_too(canvas):
    for wrong in ({"pixel": [1]}, {"pixel": "up", "pinned": None}, {}):
        with pytest.raises((KeyError, ValueError)):
            send(canvas, {"kind": "query", **wrong})
    assert canvas.answers == 3


def test_its_picture_goes_to_the_fallback_and_not_to_the_canvas(canvas):
    image = canvas.with_fallback().children[1].children[0]
    canvas.png = b"png"
    assert image.value == b"png"
    assert "png" not in canvas.keys


def test_a_relation_canvas_tells_of_classes():
    heard = []
    made = RelationCanvas("A canvas.", lambda *query: heard.append(query), heard.append)
    send(made, {"kind": "query", "region": 0, "pinned": None, "number": 1})
    send(made, {"kind": "query", "region": 3, "pinned": 0, "number": 2})
    assert heard == [(0, None), (3, 0)]
    for wrong in ({"region": None, "pinned": 1}, {"region": "up", "pinned": None}, {}):
        with pytest.raises((KeyError, TypeError, ValueError)):
            send(made, {"kind": "query", **wrong})
    assert made.answers == 5


def test_a_canvas_tells_only_of_what_somebody_listens_to():
    heard = []
    made = ForgettingCanvas("A canvas.", cell=lambda event: heard.append(event["cell"]))
    send(made, {"kind": "cell", "cell": [3, 0], "number": 4})
    send(made, {"kind": "image", "step": 1, "number": 5})
    assert heard == [[3, 0]]
    assert (made.answers, made.number) == (2, 5)
