import pytest

from satkit.data import DATA_SETS, load_data
from satkit.data.catalogue import ON_DISK, find_files
from satkit.utils.errors import UsageError

SMALL = {"size": 32, "train_images": 2, "test_images": 1}


def test_the_data_sets_are_the_scenes_and_those_on_disk():
    assert DATA_SETS == ("scenes", "voc", "ade20k", "cityscapes", "camvid", "folder")
    assert tuple(ON_DISK) == DATA_SETS[1:]


def test_scenes_are_drawn_without_a_folder_and_with_their_options():
    data = load_data("scenes", **SMALL)
    assert (data.name, len(data.train), len(data.test)) == ("scenes", 2, 1)


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


def test_the_scenes_have_no_files_to_find():
    with pytest.raises(UsageError, match="have no files. Choose a data set on disk."):
        find_files("scenes")
