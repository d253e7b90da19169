"""What explorers on a canvas share: arrays that are sent once, heads, stages by keys, and mistakes told in words."""

import pytest
from mouse import point, rest, send, turn_page

from satkit.widgets import explore_attention, explore_relations


@pytest.fixture(params=[explore_attention, explore_relations], ids=["attention", "relations"])
def explorer(request, two_steps):
    """An explorer of a student with its teacher."""
    return request.param(two_steps)


def test_arrays_go_to_the_canvas_once_per_image_models_and_stage(explorer):
    canvas = explorer.picture
    scene, stage = canvas.scene, canvas.stage
    explorer.choose(pinned=True)
    explorer.choose(head=1)
    assert canvas.scene is scene
    assert canvas.stage is stage
    explorer.choose(stage=3)
    assert canvas.scene is scene
    assert canvas.stage is not stage
    explorer.choose(image=0)
    assert canvas.scene is not scene


@pytest.mark.parametrize(
    ("maker", "move", "now", "pinned"),
    [(explore_attention, rest, (9, 9), (5, 5)), (explore_relations, point, 0, 0)],
    ids=["attention", "relations"],
)
def test_what_the_hand_does_is_answered_without_arrays(two_steps, maker, move, now, pinned):
    explorer = maker(two_steps)
    stage, before = explorer.picture.stage, explorer.picture.answers
    move(explorer, now, pinned)
    assert explorer.picture.stage is stage
    assert explorer.picture.answers == before + 1
    assert explorer.picture.chosen["answers"] == 1
    assert explorer.picture.chosen["pinned"] == pinned


def test_page_keys_go_round_the_stages(explorer):
    turn_page(explorer, 1)
    assert explorer.stage.value == 1
    turn_page(explorer, -1)
    turn_page(explorer, -1)
    assert explorer.stage.value == len(explorer.stage.options) - 1


def test_a_head_that_is_not_there_is_refused(explorer):
    explorer.choose(stage=4)
    heads = len(explorer.head.options) - 1
    with pytest.raises(ValueError, match=rf"stage 4 has the heads 1..{heads}, and their 'mean', got 99"):
        explorer.choose(head=99)
    assert explorer.picture.chosen["head"] is None


def test_a_mistake_is_told_in_the_canvas_until_the_next_choice(explorer):
    explorer.tell("This cannot be.")
    assert (explorer.picture.trouble, explorer.text) == ("This cannot be.", "This cannot be.")
    explorer.choose(image=1)
    assert explorer.picture.trouble == ""


def test_a_message_of_another_canvas_is_no_choice(explorer):
    before = explorer.picture.chosen
    with pytest.raises((KeyError, TypeError, ValueError)):
        send(explorer.picture, {"kind": "query", "number": 1})
    assert explorer.picture.chosen == before
