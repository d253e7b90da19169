"""Lists of classes in every form that people and tools write; what cannot be is refused with its line."""

import pytest

from satkit.data.datasets.class_list import find_classes, label_classes, read_classes, sounds_like_none
from satkit.data.labels import IGNORE
from satkit.utils.errors import UsageError

PETS = {0: "background", 1: "dog", 2: "guide dog"}


@pytest.fixture
def read(tmp_path):
    def names(text, encoding="utf-8"):
        (tmp_path / "classes.txt").write_text(text, encoding=encoding)
        return read_classes(tmp_path / "classes.txt")

    return names


@pytest.mark.parametrize(
    "text",
    [
        "background\ndog\nguide dog\n",
        "0 background\n1 dog\n2 guide dog\n",
        "2: guide dog\n\n1,dog\n0;background\n",
        "# value and name\n0 background\n# pets\n1 dog\n2 guide dog\n",
        "# pets\nbackground\n# more\ndog\nguide dog\n",
        "background 0\ndog 1\nguide dog 2\n",
        "background: 0\ndog=1\nguide dog,2\n",
        "0 0 0 0 background\n1 128 0 0 dog\n2 0 128 0 guide dog\n",
        "0 0 0 background\n1 128 0 0 dog\n2 0 128 0 guide dog\n",  # one number short
        "0,0,0,0,background\n1,128,0,0,dog\n2,0,128,0,guide dog\n",
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\ndog:128,0,0::\nguide dog:0,128,0::\n",
        "Pixel Value, Class\n0, background\n1, dog\n2, guide dog\n",
    ],
)
def test_every_form_gives_the_same_names(read, text):
    assert read(text) == PETS


def test_names_of_labelme_are_background_and_ignored(read):
    names = read("__ignore__\n_background_\ndog\ncat\n")
    assert names == {0: "_background_", 1: "dog", 2: "cat"}
    assert label_classes(names) == ({1: 1, 2: 2, 0: 0}, ("background", "dog", "cat"))
    assert read("_background_\ndog\ncat\n")[1] == "dog"


def test_numbers_in_names_are_no_values_where_not_all_lines_have_one(read):
    assert read("terrain\nclass 7\nclass 3\n") == {0: "terrain", 1: "class 7", 2: "class 3"}
    assert read("class 7\nclass 3\n") == {0: "class 7", 1: "class 3"}  # one name for two values would be none


@pytest.mark.parametrize("name", ["void", "Ignore", "unlabeled", "__ignore__", "unlabelled"])
def test_values_are_ignored_by_name_255_too(read, name):
    names = read(f"0 background\n1 dog\n2 cat\n3 {name}\n255 {name}\n")
    assert label_classes(names)[0][3] == IGNORE


@pytest.mark.parametrize(
    ("name", "sounds"), [("road background", True), ("bg", True), ("void_area", True), ("dog", False)]
)
def test_names_that_say_they_are_none_are_found(name, sounds):
    assert sounds_like_none(name) == sounds
    assert not sounds_like_none("_background_")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0 a\n255 b\n", "line 2: a value must be below 255, got 255."),
        ("0 a\n\n0 b\n", "line 3: value 0 and name 'b' must occur once."),
        ("a\nb\na\n", "line 3: value 2 and name 'a' must occur once."),
        ("1 a\nb\n", "line 2: value 1 and name 'b' must occur once."),
        ("0 a\n" + "9" * 5000 + " b\n", f"line 2: a value must be below 255, got '{'9' * 99} ... {'9' * 14}'."),
        ("0 a\n1 b\x1b[2J\n", r"line 2: a name must be text in one line, got 'b\x1b[2J'."),
        ("0 Dog\n1 dog\n", "line 2: value 1 and name 'dog' must occur once; 'Dog' stands there already."),
    ],
)
def test_a_list_of_classes_that_cannot_be_is_refused_with_its_line(read, tmp_path, text, message):
    with pytest.raises(UsageError) as caught:
        read(text)
    assert str(caught.value) == f"{tmp_path / 'classes.txt'}, {message}"


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_list_of_classes_in_another_encoding_is_refused(read, encoding):
    with pytest.raises(UsageError, match=r"classes.txt must be text in UTF-8, got something else \(.*Save it as UTF-8"):
        read("0 Vögel\n", encoding)


def test_the_list_is_found_under_the_names_that_tools_give_it(tmp_path):
    assert find_classes(tmp_path) == tmp_path / "classes.txt"
    assert read_classes(find_classes(tmp_path)) is None
    for name in ("labelmap.txt", "class_names.txt", "classes.txt"):
        (tmp_path / name).write_text("0 background\n")
        assert find_classes(tmp_path) == tmp_path / name


def test_too_few_and_too_many_classes_are_refused():
    with pytest.raises(UsageError, match="got 0: none."):
        label_classes({0: "background", 1: "void"})
    with pytest.raises(UsageError, match="got 254: "):
        label_classes({value: str(value) for value in range(254)})
