"""What was measured is told with its machine, as a table, a page and a picture."""

import json

import pytest
from PIL import Image

from satkit.studies.bench import Measurement
from satkit.studies.bench_report import PICTURE, described, drawn, table, write

FOUND = [
    Measurement("SATS step / distillation step", "quick, 64 px", 1.1, 1.05, 1.2, 1.04, seconds=(0.11, 0.1)),
    Measurement("SATS step in bfloat16 / in float32", "quick, 64 px", 0.9, 0.8, 1.0, seconds=(0.1, 0.11)),
    Measurement("attention term by loops / ours", "quick, 64 px", 9.0, 8.0, 10.0, 8.0, True, seconds=(0.9, 0.1)),
    Measurement("operators of the attention term", "quick, 64 px", 320.0, target=400),
    Measurement("import satkit / import timm", "", 1.0, 0.9, 1.1, 1.1, seconds=(3.0, 3.0)),
]


@pytest.fixture
def about():
    return described(FOUND, "cpu")


def test_the_table_has_every_line_with_interval_target_and_machine(about):
    text = table(about).text(200)
    assert "SATS step / distillation step" in text
    assert "1.05 to 1.20" in text
    assert "≥ 8" in text
    assert f"threads of {about['machine']['cores']} cores" in text
    assert [line["met"] for line in about["measurements"]] == [False, None, True, True, True]


def test_the_picture_has_the_ratios_of_steps_that_should_be_small(about):
    (ax,) = drawn(about).axes
    assert [text.get_text() for text in ax.get_yticklabels()] == [each.what for each in FOUND[:2]]
    assert drawn(described(FOUND[2:], "cpu")) is None


def test_values_a_page_and_a_picture_are_written_side_by_side(about, tmp_path):
    paths = write(about, tmp_path / "here.json")
    assert [path.name for path in paths] == ["here.json", "here.md", "here.png"]
    assert json.loads(paths[0].read_text()) == json.loads(json.dumps(about))
    assert "| SATS step / distillation step |" in paths[1].read_text()
    assert f"![{PICTURE}](here.png)" in paths[1].read_text()
    assert Image.open(paths[2]).width > 500
    assert [path.name for path in write(described(FOUND[3:], "cpu"), tmp_path / "few.json")] == ["few.json", "few.md"]
    assert "![" not in (tmp_path / "few.md").read_text()
