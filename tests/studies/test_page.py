"""The page of the kit is what its command makes, and a study that is not finished has none."""

import json
import re

import numpy as np
import pytest

from satkit.experiments.settings import Settings
from satkit.experiments.study_folder import StudyFolder
from satkit.studies.explorer import with_explorer
from satkit.studies.page import IMAGES, LARGEST, made, write_page
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError

DATA = re.compile(r'(?<=id="satkit-data">).*?(?=</script>)', re.DOTALL)
STILL = re.compile(r'(?<=src=")data:[^"]*')
MOST_APART = 2  # codes: another processor may round otherwise


def data_of(page):
    return json.loads(DATA.search(page)[0])


def alike(one, other, where="data"):
    """Whether two values of the data are the same, but for rounding in codes, peaks, predictions and counts."""
    if isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            if name not in ("predictions", "flows", "file"):
                alike(one[name], other[name], f"{where}.{name}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for place, (mine, its) in enumerate(zip(one, other, strict=True)):
            alike(mine, its, f"{where}[{place}]")
    elif where.endswith((".codes", ".peaks")):
        mine, its = (numbers(each, where) for each in (one, other))
        np.testing.assert_allclose(mine, its, atol=MOST_APART if where.endswith(".codes") else 1e-3, err_msg=where)
    else:
        assert one == other, where


def numbers(text, where):
    import base64

    return np.frombuffer(base64.b64decode(text), dtype=np.uint8 if where.endswith(".codes") else "<f4").astype(float)


@pytest.fixture(scope="module")
def stored():
    """The page that comes with the kit."""
    return asset("explore.html").read_text(encoding="utf-8")


def test_the_page_of_the_kit_is_small(stored):
    assert len(stored.encode()) <= LARGEST
    assert len(data_of(stored)["images"]) == IMAGES


@pytest.mark.slow
def test_the_page_of_the_kit_is_what_the_command_makes(stored):
    again, left_out = made("")
    assert left_out == ""
    alike(data_of(stored), data_of(again))
    without = [STILL.sub("", DATA.sub("", page)) for page in (stored, again)]
    assert without[0] == without[1], "satkit page --out assets/explore.html makes it again"


def test_the_page_of_the_kit_has_the_script_and_style_of_today(stored):
    data = data_of(stored)
    parts = with_explorer("<!-- satkit: policy --><!-- satkit: style --><!-- satkit: script -->", data)
    for pattern in (r"<meta http-equiv.*?>", r'<script type="module">.*?</script>'):
        assert re.search(pattern, parts, re.DOTALL)[0] in stored, "satkit page --out assets/explore.html makes it again"


def test_the_page_of_the_kit_asks_nothing_of_the_world(stored):
    assert not re.findall(r"https?://|url\(|@import|<link|<iframe", DATA.sub("", stored))
    assert {source[:5] for source in re.findall(r'src="([^"]*)"', stored)} == {"data:"}


def test_a_study_that_is_missing_or_not_finished_has_no_page(tmp_path, monkeypatch):
    monkeypatch.setenv("SATKIT_RUNS", str(tmp_path))
    with pytest.raises(UsageError, match="There is no study mine"):
        write_page("mine")
    StudyFolder(tmp_path / "mine", Settings()).remember_settings()
    with pytest.raises(UsageError, match="holds no finished study: result.json is missing. Run satkit study first"):
        write_page("mine")
    with pytest.raises(UsageError, match="at least one image, got --images 0"):
        write_page(images=0)
    assert not list(tmp_path.rglob("*.html"))


def test_a_page_that_cannot_be_written_is_refused_before_the_models_look(tmp_path, monkeypatch):
    monkeypatch.setattr("satkit.studies.page.explorer_of", lambda *_: pytest.fail("the models have looked"))
    with pytest.raises(UsageError, match="cannot be written"):
        write_page(out=str(tmp_path))
