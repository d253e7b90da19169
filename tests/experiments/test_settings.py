"""A setting is defined once: its option, its check, its part of a study's name and of the command follow from it."""

import shlex
from dataclasses import fields, replace

import pytest

from satkit.data.catalogue import DATA_SETS, DRAWN
from satkit.data.datasets.scenes import HABITAT
from satkit.evaluation import conventions
from satkit.experiments import settings as module
from satkit.experiments.presets import PRESETS
from satkit.experiments.run_places import run_folder
from satkit.experiments.settings import FIELDS, Settings, chosen, described, flag, read
from satkit.utils.errors import UsageError

ORDER = tuple(range(20, 0, -1))
CHANGES = ({"seed": 1}, {"task": "15-1"}, {"preset": "smoke"}, {"setting": "disjoint"}, {"order": ORDER})
CHANGES += ({"backbone": "mit_b0"}, {"protocol": "plop"}, {"protocol": "plop,void=background"}, {"shift": 0.5})
CHANGES += ({"protocol": "evaluation=windows"}, {"habitat": 0.0}, {"habitat": 0.5}, {"from_scratch": True})
CHANGES += (
    {"autocast": "bfloat16"},
    {"gradient_checkpointing": True},
    {"base_model": "sats"},
    {"base_model": "/a/study/base"},
)


def test_every_setting_has_a_help():
    assert all(each.metadata["help"] for each in fields(Settings))


def test_the_listed_values_are_those_of_the_code_that_uses_them():
    assert module.DATA_SETS == DATA_SETS
    assert tuple(DRAWN) == module.DRAWN
    assert FIELDS["habitat"].default == HABITAT
    assert set(module.PRESETS) == {name for presets in PRESETS.values() for name in presets}


def test_the_help_lists_the_allowed_values():
    assert described("preset").endswith(": smoke, quick, full, published or reference")
    assert described("seed") == "a whole number that decides everything random"
    assert all(choice in described("protocol") for choice in conventions.CHOICES["evaluation"])


def test_studies_of_different_settings_have_different_names():
    names = {Settings(**change).name(change.get("task", "15-5")) for change in ({}, *CHANGES)}
    assert len(names) == len(CHANGES) + 1
    assert Settings().name("15-5") == "scenes-15-5-quick-seed0"
    assert Settings(shift=0.65, seed=3).name("15-1") == "scenes-15-1-quick-seed3-shift0.65"
    assert Settings(habitat=0.0, from_scratch=True).name("15-5") == "scenes-15-5-quick-seed0-habitat0-from-scratch"


def test_studies_of_two_folders_of_ones_own_have_different_names(tmp_path, monkeypatch):
    (tmp_path / "my birds").mkdir()
    monkeypatch.chdir(tmp_path / "my birds")
    birds = Settings(data="folder", root=str(tmp_path / "my birds"))
    assert birds.name("2-1") == "folder-my-birds-2-1-quick-seed0"
    for same in (".", "../my birds/", str(tmp_path / "x" / ".." / "my birds")):
        assert replace(birds, root=same).name("2-1") == birds.name("2-1")
    assert replace(birds, root=str(tmp_path / "cells")).name("2-1") == "folder-cells-2-1-quick-seed0"


@pytest.mark.parametrize("root", ["/", "/***", f"/{'long' * 60}", "/über*/..", "/a\nb", "/犬/?%", "/con", "/-x", ""])
def test_a_folder_of_any_name_gives_a_study_a_name_that_can_be_kept(root):
    name = Settings(data="folder", root=root).name("2-1")
    assert run_folder(name).name == name
    assert name.startswith("folder-")
    assert name.endswith("-2-1-quick-seed0")


def test_the_place_of_a_published_data_set_is_no_part_of_the_name():
    assert Settings(data="voc", root="/data/VOCdevkit").name("15-1") == "voc-15-1-quick-seed0"


def test_orders_that_begin_alike_have_different_names():
    other = (*range(20, 2, -1), 1, 2)
    assert Settings(order=ORDER).name("15-5") != Settings(order=other).name("15-5")


def test_the_option_of_a_setting_has_hyphens():
    assert [flag(name) for name in ("seed", "from_scratch")] == ["--seed", "--from-scratch"]


def test_the_option_of_a_base_step_is_shorter_than_its_name():
    assert flag("base_model") == "--base"
    assert shlex.split(Settings(base_model="/a b/c").command(["sats"]))[-4:-2] == ["--base", "/a b/c"]


@pytest.mark.parametrize(
    ("base", "called"),
    [
        ("sats", "from-sats"),
        ("/x/given", "from-given"),
        ("/x/study/base", "from-study"),
        ("/", "from"),
        ("/base", "from"),
    ],
)
def test_a_base_step_is_part_of_the_name_of_a_study(base, called):
    name = Settings(base_model=base).name("15-5")
    assert name == f"scenes-15-5-quick-seed0-{called}"
    assert run_folder(name).name == name


def test_a_setting_that_is_true_is_in_the_command_without_a_value():
    command = Settings(from_scratch=True, habitat=0.0).command(["sats"])
    assert command.endswith("--seed 0 --habitat 0.0 --from-scratch --strategies sats")
    assert "from-scratch" not in Settings(from_scratch=False).command(["sats"])


def test_only_data_that_is_not_drawn_has_a_folder_in_the_command():
    for data in DATA_SETS:
        assert ("--root FOLDER" in Settings(data).command(["sats"])) == (data not in DRAWN)


def test_the_command_names_what_was_chosen_and_no_folder():
    command = Settings("voc", "/where/ever", "15-1", shift=0.5).command(["sats", "mib"])
    assert command == (
        "satkit study --data voc --task 15-1 --preset quick --seed 0 --shift 0.5 --root FOLDER --strategies sats,mib"
    )
    assert "--order 20,19" in shlex.join(shlex.split(Settings(order=ORDER).command(["sats"])))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"shift": 2}, "shift must be between 0 and 1, got 2"),
        ({"shift": "much"}, "shift must be a number, got 'much'"),
        ({"seed": 1.5}, "seed must be a whole number, got 1.5"),
        ({"seed": True}, "seed must be a whole number, got True"),
        ({"task": 15}, "task must be text, got 15"),
        ({"from_scratch": 1}, "from_scratch must be true or false, got 1"),
        ({"from_scratch": "yes"}, "from_scratch must be true or false, got 'yes'"),
        (
            {"habitat": -0.1},
            "habitat must be between 0 and 1, got -0.1. Choose another value, or leave it out for 0.75.",
        ),
        ({"habitat": 1.5}, "habitat must be between 0 and 1, got 1.5. Choose another value, or leave it out for 0.75."),
        ({"habitat": "a"}, "habitat must be a number, got 'a'. Choose another value, or leave it out for 0.75."),
        ({"habitat": True}, "habitat must be a number, got True. Choose another value, or leave it out for 0.75."),
        ({"order": ("a",)}, "order must hold labels, which are whole numbers, got .'a'."),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_setting(values, said):
    with pytest.raises(UsageError, match=said):
        Settings(**values)


def test_texts_are_read_by_the_type_of_the_setting():
    assert (read("seed", "-3"), read("shift", "1e-1"), read("task", "15-1")) == (-3, 0.1, "15-1")
    assert [read("from_scratch", text) for text in ("true", "False", " TRUE ")] == [True, False, True]
    wrong = (("seed", "1.0"), ("shift", "x"), ("order", "[1,"), ("from_scratch", "1"), ("from_scratch", "yes"))
    for name, text in wrong:
        with pytest.raises(UsageError, match=f"--{name} must"):
            read(name, text, label=f"--{name}")


def test_the_settings_among_parameters_are_those_that_are_not_at_their_default():
    parameters = {"seed": 0, "preset": "smoke", "strategy": "sats", "order": [3, 1, 2], "setting": "overlapped"}
    assert chosen(parameters) == {"preset": "smoke", "order": (3, 1, 2)}
    assert chosen(parameters, explicit=True) == {
        "seed": 0,
        "preset": "smoke",
        "order": (3, 1, 2),
        "setting": "overlapped",
    }
    assert chosen({"from_scratch": True}) == {"from_scratch": True}
    for value in (1, "yes"):
        with pytest.raises(UsageError, match="from_scratch must be true or false"):
            chosen({"from_scratch": value})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3, 1,2", (3, 1, 2)),
        ("dog,dining table", ("dog", "dining table")),
        ("b", ("b",)),
        ("1,b", ("1", "b")),
        ('["sofa, couch", "7"]', ("sofa, couch", "7")),
        ("[3, 1, 2]", (3, 1, 2)),
        ("", ()),
        (",", ()),
    ],
)
def test_an_order_is_read_as_labels_or_as_names(text, words):
    assert read("order", text) == chosen({"order": text}, explicit=True)["order"] == words
    assert chosen({"order": list(words)}, explicit=True)["order"] == words


@pytest.mark.parametrize("value", [["dog", 3], [1.5], [True], "[dog]", '["dog", 3]', None, 3])
def test_an_order_of_anything_else_is_refused_with_its_forms(value):
    with pytest.raises(UsageError, match=r"order must hold labels or names of classes, as in 3,1,2 or dog,cat or "):
        chosen({"order": value})


def test_the_plain_settings_are_what_settings_are_made_of():
    settings = Settings(order=ORDER, shift=0.5)
    assert Settings(**settings.plain()) == settings
    assert list(settings.plain()) == list(FIELDS)


@pytest.mark.parametrize(("name", "text"), [("seed", "9" * 5000), ("order", "1," + "2" * 5000)])
def test_a_number_of_thousands_of_digits_is_refused_in_a_short_sentence(name, text):
    with pytest.raises(UsageError, match=f"{name} must ") as caught:
        read(name, text)
    assert len(str(caught.value)) < 300


def test_an_order_that_is_no_list_is_refused():
    with pytest.raises(UsageError, match="order must be a list of labels, got 5"):
        Settings(order=5)
