"""The canvas of the playground tells of scenes and files; every message is answered, and none that came too late is."""

import pytest
from mouse import send

from satkit.widgets.play_canvas import PlayCanvas


@pytest.fixture
def canvas():
    """A canvas that keeps what it was told."""
    heard = []
    made = PlayCanvas("A canvas.", heard.append, lambda *file: heard.append(file))
    made.heard = heard
    return made


def test_scenes_and_files_arrive_and_each_is_answered(canvas):
    send(canvas, {"kind": "scene", "scene": {"a": 1}, "number": 1})
    send(canvas, {"kind": "save", "name": "x", "scene": {"a": 2}})
    send(canvas, {"kind": "something else"})
    assert canvas.heard == [{"a": 1}, ("save", "x", {"a": 2})]
    assert (canvas.answers, canvas.number) == (3, 1)


def test_only_the_newest_edit_is_answered(canvas):
    for number in (5, 3, 4, 6):
        send(canvas, {"kind": "scene", "scene": number, "number": number})
    assert canvas.heard == [5, 6]
    assert canvas.answers == 4  # else the front end would wait


def test_a_message_that_fails_is_answered_too(canvas):
    for wrong in ({"kind": "scene"}, {"kind": "scene", "number": "x"}, {"kind": "save"}):
        with pytest.raises((KeyError, ValueError)):
            send(canvas, wrong)
    assert canvas.answers == 3


def test_its_picture_goes_to_the_fallback_and_not_to_the_canvas(canvas):
    image = canvas.with_fallback().children[1].children[0]
    canvas.png = b"png"
    assert image.value == b"png"
    assert "png" not in canvas.keys
