import pytest

from satkit.data import DATA_SETS, load_data
from satkit.data.catalogue import CLASS_NAMES, DRAWN, ON_DISK, class_names, find_files
from satkit.utils.errors import UsageError

SMALL = {"size": 32, "train_images": 2, "test_images": 1}


def test_the_data_sets_are_those_that_are_drawn_and_those_on_disk():
    assert DATA_SETS == ("scenes", "pretext", "voc", "ade20k", "cityscapes", "camvid", "folder")
    assert (*DRAWN, *ON_DISK) == DATA_SETS


@pytest.mark.parametrize(("name", "classes"), [("scenes", 21), ("pretext", 109)])
def test_drawn_data_needs_no_folder_and_takes_its_options(name, classes):
    data = load_data(name, **SMALL)
    assert (data.name, len(data.class_names), len(data.train), len(data.test)) == (name, classes, 2, 1)


def test_the_habitat_is_an_option_of_the_scenes():
    uniform, mixed = (load_data("scenes", size=32, train_images=40, test_images=1, habitat=each) for each in (0, 1))
    assert uniform.train.present.sum() > mixed.train.present.sum() == 80


@pytest.mark.parametrize("name", ON_DISK)
def test_a_data_set_on_disk_without_its_folder_shows_the_tree_it_expects(name):
    for function in (load_data, find_files):
        with pytest.raises(UsageError, match="needs its folder, got none") as caught:
            function(name)
        assert "\n  ROOT/" in str(caught.value)


@pytest.mark.parametrize("name", ON_DISK)
def test_an_empty_folder_is_reported_with_the_folders_it_lacks(name, tmp_path):
    with pytest.raises(ValueError, match=r"repair or remove what is listed:\n  .*: missing (folder|list of names)"):
        load_data(name, tmp_path)


@pytest.mark.parametrize("function", [load_data, find_files])
def test_an_unknown_name_is_answered_with_the_nearest(function):
    with pytest.raises(UsageError, match="Unknown data set 'cityscape'. Did you mean 'cityscapes'"):
        function("cityscape", "anywhere")


@pytest.mark.parametrize("name", DRAWN)
def test_drawn_data_has_no_files_to_find(name):
    with pytest.raises(
        UsageError, match=f"images of the {name} are drawn and have no files. Choose a data set on disk"
    ):
        find_files(name)


@pytest.mark.parametrize("name", DATA_SETS)
def test_the_names_of_classes_need_no_images(name, tmp_path):
    if name == "folder":
        for folder in ("images", "masks"):
            (tmp_path / folder).mkdir()
        (tmp_path / "classes.txt").write_text("0 background\n1 cat\n2 dog, large\n", encoding="utf-8")
        assert class_names(name, tmp_path) == ("background", "cat", "dog, large")
        with pytest.raises(UsageError, match="needs its folder, got none"):
            class_names(name)
        return
    assert class_names(name) == CLASS_NAMES[name]
    assert class_names(name)[0] == "background"
    if name in DRAWN:
        assert class_names(name) == load_data(name, **SMALL).class_names
    with pytest.raises(UsageError, match="Unknown data set"):
        class_names(f"{name}s")
