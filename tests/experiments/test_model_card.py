"""A model card has the front matter of hubs, tells every score with its convention, and shows names as plain text."""

import copy
import re

import pytest
import yaml

from satkit.evaluation.conventions import sentence
from satkit.experiments.model_card import card, front_matter, lines_with_safetensors
from satkit.experiments.model_places import find_model
from satkit.utils.tables import in_percent


@pytest.fixture(scope="module")
def about():
    """What describes SATS of the kit."""
    return find_model("sats").about


def front(text):
    """The front matter as a hub reads it."""
    return yaml.safe_load(text.split("---\n")[1])


def test_the_front_matter_has_what_hubs_look_for(about):
    found = front(card(about, "cc-by-4.0"))
    assert found["license"] == "cc-by-4.0"
    assert (found["library_name"], found["pipeline_tag"]) == ("satkit", "image-segmentation")
    assert found["datasets"] == ["scenes"]
    assert {"semantic-segmentation", "continual-learning"} <= set(found["tags"])


def test_no_licence_is_invented(about):
    text = card(about)
    assert "license" not in front(text)
    assert "## Licence\n\nNot stated. Whoever shares this model states one" in text


@pytest.mark.parametrize("licence", ["no", "1.0", "a: b", '"x"', "mit # not really", "\\"])
def test_a_licence_of_any_form_stays_one_text(about, licence):
    assert front(card(about, licence))["license"] == licence


def test_every_score_class_and_colour_is_told(about):
    text = card(about)
    lines = " ".join(text.split())
    for name, score in about["scores"]["iou"].items():
        assert f"| {name} | {in_percent(score)} |" in text
    for value, (name, colour) in enumerate(zip(about["classes"], about["colours"], strict=True)):
        assert f"| {value} | {name} | `{colour}` | {about['learnt_in'][value]} |" in text
    assert f"| old classes | {in_percent(about['scores']['old'])} |" in text
    assert sentence(about["training"]["conventions"]) in lines
    assert about["weights"] in text


def test_a_score_that_there_is_not_is_a_dash(about):
    first = copy.deepcopy(about)
    first["scores"]["new"] = None
    assert "| new classes | - |" in card(first)


def test_names_that_look_like_markup_are_shown_as_they_are(about):
    hostile = copy.deepcopy(about)
    hostile["classes"][1] = "<script>|[x](y)"
    hostile["training"]["strategy"]["name"] = "---\nx: <b>"
    text = card(hostile)
    assert "<script>" not in text
    assert "<b>" not in text
    assert "[x](y)" not in text
    assert set(front(text)) == set(front(card(about)))


@pytest.mark.parametrize(
    ("evaluation", "said"),
    [
        ("full", "predicted as it is, at its own size"),
        ("windows", "in windows of 64 pixels that overlap by a third"),
        ("centre", "The shorter side of an image is resized to 64 pixels"),
    ],
)
def test_the_preparation_of_images_is_that_of_the_evaluation(about, evaluation, said):
    changed = {**about, "preprocessing": {**about["preprocessing"], "evaluation": evaluation}}
    assert said in " ".join(card(changed).split())
    compile(lines_with_safetensors(evaluation), "README.md", "exec")


def test_data_that_others_have_made_is_told_to_have_a_licence_of_its_own(about):
    other = copy.deepcopy(about)
    other["training"]["data"] = "voc"
    assert "| data set | voc, which has a licence of its own |" in card(other)
    assert "| data set | scenes |" in card(about)
    assert front_matter("voc").count("voc") == 1


def test_no_line_of_a_paragraph_is_very_long(about):
    prose = re.sub(r"```.*?```", "", card(about), flags=re.DOTALL)
    assert all(len(line) <= 120 or line.startswith("|") for line in prose.splitlines())
