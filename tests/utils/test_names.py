"""Names of folders are plain, whatever they are made of."""

from satkit.utils.names import slug


def test_a_slug_is_a_plain_folder_name():
    assert slug("SATS") == "sats"
    assert slug("pseudo-labels + attention") == "pseudo-labels-attention"
    assert slug("../../etc/passwd") == "etc-passwd"
