"""Names of folders are plain, whatever they are made of, and a name in a message is one line of text."""

import pytest

from satkit.utils.errors import UsageError
from satkit.utils.names import LONGEST, file_name, printable, slug


def test_a_slug_is_a_plain_folder_name():
    assert slug("SATS") == "sats"
    assert slug("pseudo-labels + attention") == "pseudo-labels-attention"
    assert slug("../../etc/passwd") == "etc-passwd"
    assert slug("../..") == ""


def test_a_long_name_ends_in_a_hash_so_that_two_stay_two():
    one, other = slug("é" * 300 + "a"), slug("é" * 300 + "b")
    assert one != other
    assert max(len(name.encode()) for name in (one, other)) <= LONGEST
    assert slug("a" * LONGEST) == "a" * LONGEST


def test_a_slug_is_never_a_device_of_windows():
    assert [slug(name) for name in ("CON", "Nul", "com1", "console")] == ["con-", "nul-", "com1-", "console"]


@pytest.mark.parametrize("name", ["10-iou", "14-x-2", "a b", "é", "11-" + "x" * 100, "..a", "a.b"])
def test_a_name_that_a_file_can_have_comes_back(name):
    assert file_name(name, "figure") == name


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "it has neither letters nor digits"),
        ("..", "it has neither letters nor digits"),
        ("a/b", "it holds '/'"),
        ("a\\b", r"it holds '\\\\'"),
        ("a\0", r"it holds '\\x00'"),
        ("a\nb", r"it holds '\\n'"),
        ("C:x", "it holds ':'"),
        ("a.", "it ends in '.'"),
        ("a ", "it ends in ' '"),
        ("con", "Windows keeps it for a device"),
        ("NUL.png", "Windows keeps it for a device"),
        ("x" * 300, "it is longer than 160 bytes"),
    ],
)
def test_a_name_that_no_file_can_have_is_refused_with_the_reason(name, reason):
    with pytest.raises(UsageError, match=f"The name of a figure must be one that a file can have, got .*: {reason}."):
        file_name(name, "figure")


def test_a_text_for_the_terminal_has_no_signs_that_move_or_turn_anything():
    assert printable("a\x1b[2J\u202eb\n", keep="\n") == "a\\x1b[2J\\u202eb\n"
    assert printable("two\u00a0words, ‘é’ \u200d") == "two\u00a0words, ‘é’ \u200d"
    assert printable("\ud800\0") == "\\ud800\\x00"
