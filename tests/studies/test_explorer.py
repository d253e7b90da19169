"""The explorer in a page: one script under a policy, data that ends nothing, and pictures where no script runs."""

import base64
import hashlib
import io
import json
import re

import numpy as np
import pytest
from PIL import Image

from satkit.experiments.kit_models import open_kit_model
from satkit.studies import confusion_data
from satkit.studies.explorer import explorer_of, with_explorer
from satkit.studies.page_data import Students

PAGE = "".join(f"<!-- satkit: {name} -->" for name in ("policy", "style", "data", "script"))
NAME = "</script><script>alert(1)</script> <!-- satkit: script --> & <b>"


@pytest.fixture(scope="module")
def explorer():
    """An explorer of one student, with two images."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confusion_data, "MOST_SEARCHED", 8)
        return explorer_of(Students({"SATS": open_kit_model("sats")}), 2, 3_000_000)


def test_the_policy_allows_exactly_the_script_that_is_there():
    page = with_explorer(PAGE, {})
    script = re.search(r'<script type="module">(.*?)</script>', page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; script-src 'sha256-{digest}'" in page
    assert page.count("</script>") == 2  # that of the data, and its own


def test_names_stand_in_the_data_only_and_mean_there_what_they_were():
    page = with_explorer(PAGE, {"names": [NAME]})
    data = re.search(r'id="satkit-data">(.*?)</script>', page, re.DOTALL)[1]
    assert json.loads(data) == {"names": [NAME]}
    assert page.count("alert(1)") == 1
    assert page.count("</script>") == 2


def test_it_has_a_still_picture_of_every_image_with_words(explorer):
    assert len(explorer.stills) == len(explorer.data["images"]) == 2
    for still, image in zip(explorer.stills, explorer.data["images"], strict=True):
        with Image.open(io.BytesIO(base64.b64decode(still.source.partition(",")[2]))) as picture:
            assert picture.width > 600
            assert np.asarray(picture).std() > 20
        assert f"Test {image['title'].removeprefix('test ')}" in still.alt
        assert "SATS" in still.alt
        assert "one scale" in still.see
    assert explorer.left_out == ""


def test_there_is_a_cell_table_of_every_model_that_is_shown(explorer):
    data = explorer.data
    assert data["models"] == ["base model", "SATS"]
    assert data["steps"] == [{"title": "after step 1: striped flower to striped ellipse", "models": [0, 1]}]
    assert len(data["cells"]["flows"]) == 2
