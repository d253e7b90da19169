"""The gallery shows the lessons as they are: their code, small files, alt texts, no private words, no dead links."""

import base64
import io
import json
import re
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from places import ROOT

from satkit.notebooks import gallery
from satkit.notebooks.alt_text import picture_outputs
from satkit.notebooks.finding import NotebookError, list_notebooks, number_of, promise
from satkit.notebooks.parameters import parameters
from satkit.utils.assets import asset
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, write_json
from satkit.utils.images import ImageTooLarge

NAMES = [path.stem for path in list_notebooks()]
STORED = asset("") / "gallery"


def picture(size=(400, 600), seed=0):
    """Noise, which no compression makes small, as an output has it."""
    pixels = np.random.default_rng(seed).integers(0, 255, (*size, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode()


def shows(*pictures, tags=(), said=""):
    outputs = [{"output_type": "display_data", "data": {"image/png": each}, "metadata": {}} for each in pictures]
    outputs += [{"output_type": "stream", "name": "stdout", "text": said}] if said else []
    return {
        "cell_type": "code",
        "id": "a",
        "metadata": {"tags": list(tags), "papermill": {"duration": 1.0}},
        "execution_count": 1,
        "outputs": outputs,
        "source": ["x = 1\n", "show(x)"],
    }


def executed(*cells):
    first = {"cell_type": "markdown", "id": "m", "metadata": {}, "source": ["# 02\n", "see [words](glossary.md#x)"]}
    metadata = {"kernelspec": {"name": "python3"}, "papermill": {"input_path": "/a/b"}, "widgets": {"state": {}}}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": [first, *cells]}


def decoded(data):
    return Image.open(io.BytesIO(base64.b64decode(data)))


def test_a_copy_names_neither_the_machine_nor_who_executed_it():
    said = f"saved in {Path('/x/work')}/runs/lesson, {ROOT}/notebooks and {Path.home()}/notes"
    copy = gallery.copy_of(executed(shows(said=said)), ["/x/work"])
    assert copy["metadata"] == {"kernelspec": {"name": "python3"}}
    assert copy["cells"][-1]["outputs"][0]["text"] == "saved in runs/lesson, notebooks and ~/notes"
    assert "papermill" not in json.dumps(copy)


def test_a_copy_has_no_injected_parameters():
    injected = {**shows(), "metadata": {"tags": ["injected-parameters"]}}
    copy = gallery.copy_of(executed(injected, shows()))
    assert [cell["metadata"].get("tags") for cell in copy["cells"]] == [None, None]


def test_a_copy_begins_with_the_installing_cell_once_the_repository_is_set(monkeypatch):
    monkeypatch.setattr(gallery, "REPOSITORY", "somebody/fork")
    first, install, rest = gallery.copy_of(executed(shows()))["cells"]
    assert install["metadata"]["tags"] == ["install"]
    assert "%pip install -q git+https://github.com/somebody/fork" in "".join(install["source"])
    assert "install" not in json.dumps([first, rest])


def test_a_picture_keeps_its_alt_text_when_it_is_made_smaller():
    below = {"cell_type": "markdown", "metadata": {}, "source": ["Old objects turn grey."]}
    copy = gallery.copy_of(executed(shows(picture()), below))
    for notebook, kind in ((copy, "image/png"), (gallery.shrunk(copy, 200_000), "image/jpeg")):
        assert notebook["cells"][1]["outputs"][0]["metadata"] == {kind: {"alt": "Old objects turn grey."}}


def test_links_of_a_copy_lead_to_what_the_source_links():
    copy = gallery.copy_of(executed(shows()))
    assert "[words](../../notebooks/glossary.md#x)" in "".join(copy["cells"][0]["source"])


def test_pictures_get_coarser_but_not_smaller_and_only_until_the_copy_fits():
    notebook = gallery.copy_of(executed(shows(picture())))
    fine, coarse, coarsest = (gallery.shrunk(notebook, usual) for usual in (10**7, 450_000, 1000))
    shown = [decoded(*each["cells"][-1]["outputs"][0]["data"].values()).size for each in (fine, coarse, coarsest)]
    assert shown == 3 * [(600, 400)]  # lettering that is made smaller cannot be read
    assert len(json.dumps(fine)) > 450_000 >= len(json.dumps(coarse)) > len(json.dumps(coarsest)) > 1000
    with pytest.raises(NotebookError, match=r"may have 1000 bytes, this one has \d+"):
        gallery.shrunk(notebook, 1000, 1000)


def test_drawings_stay_as_they_are_and_photographs_become_jpeg_of_nearly_the_same_colours():
    flat = Image.new("RGB", (600, 400), (18, 140, 94))
    flat.paste((240, 200, 0), (40, 40, 300, 90))
    rough = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 75, 3), dtype=np.uint8))
    photograph = rough.resize((600, 400), Image.BICUBIC)
    photograph.paste((230, 20, 20), (101, 0, 102, 400))  # a thin red line, as lettering has
    notebook = gallery.copy_of(executed(shows(encoded(flat)), shows(encoded(photograph))))
    made = [cell["outputs"][0]["data"] for cell in gallery.shrunk(notebook)["cells"][1:]]
    assert [list(data) for data in made] == [["image/png"], ["image/jpeg"]]
    seen = [np.asarray(decoded(*data.values()).convert("RGB"), dtype=float) for data in made]
    assert np.array_equal(seen[0], np.asarray(flat))
    assert np.abs(seen[1] - np.asarray(photograph)).mean() < 3
    assert np.abs(seen[1][:, 101] - (230, 20, 20)).mean() < 10


def test_the_thumbnail_is_the_tagged_picture_or_the_last():
    black, white = (encoded(Image.new("RGB", (400, 300), colour)) for colour in ("black", "white"))
    tagged = executed(shows(black, tags=["thumbnail"]), shows(white))
    for notebook, level in ((tagged, 0), (executed(shows(black), shows(white)), 255)):
        made = Image.open(io.BytesIO(gallery.thumbnail(notebook)))
        assert made.width == gallery.WIDTH
        assert np.asarray(made.convert("L")).mean() == level
    with pytest.raises(NotebookError, match="must draw a picture"):
        gallery.thumbnail(executed(shows()))


def test_the_thumbnail_of_a_tall_picture_is_its_upper_part():
    tall = Image.new("RGB", (400, 1200), "white")
    tall.paste("black", (0, 0, 400, 300))
    made = Image.open(io.BytesIO(gallery.thumbnail(executed(shows(encoded(tall))))))
    assert made.size == (gallery.WIDTH, round(0.75 * gallery.WIDTH))
    assert np.asarray(made.convert("L")).mean() < 5


def encoded(image):
    stream = io.BytesIO()
    image.save(stream, format="PNG")
    return base64.b64encode(stream.getvalue()).decode()


def test_lessons_look_at_the_models_of_the_kit_before_any_are_trained(tmp_path, monkeypatch):
    ran = []

    def run(path, output, values, env):
        ran.append(number_of(path))
        return SimpleNamespace(seconds=1.25, output=output)

    monkeypatch.setattr(gallery, "run_notebook", run)
    assert gallery.make_gallery(tmp_path, pictures=False, say=lambda line: None) == [tmp_path / gallery.TIMES]
    assert ran == ["00", "01", "02", "03", "04", "05", "05b", "08", "11", "11b", "06", "07", "13", "09", "10", "12"]
    assert read_json(tmp_path / gallery.TIMES)["quick"]["seconds"]["06_train_base_step"] == 1.2


def test_without_a_repository_there_is_no_link_to_the_outside(monkeypatch):
    monkeypatch.setattr(gallery, "REPOSITORY", "")
    assert "http" not in gallery.markdown()


def test_every_link_to_the_outside_is_made_of_the_repository(monkeypatch):
    monkeypatch.setattr(gallery, "REPOSITORY", "somebody/fork")
    links = re.findall(r"https://[^)\s]+", gallery.markdown())
    assert len(links) == 2 * len(NAMES)
    assert all("/somebody/fork/" in link for link in links)


def test_links_are_written_only_where_there_is_a_gallery(tmp_path):
    with pytest.raises(UsageError, match="holds none. Make it: satkit gallery"):
        gallery.write_links(tmp_path)


def test_links_and_installing_cells_come_and_go_with_the_repository(tmp_path, monkeypatch):
    for name in NAMES:
        copy = gallery.copy_of(executed(shows(picture((9, 9)))))
        write_json(tmp_path / f"{name}.ipynb", copy)
    (tmp_path / gallery.PAGE).write_text("before\n<!-- gallery -->\nold\n<!-- /gallery -->\nafter\n")
    paths = [tmp_path / f"{name}.ipynb" for name in NAMES]
    before = [read_json(path) for path in paths]
    for repository, cells in (("somebody/fork", 3), ("another/fork", 3), ("", 2)):
        monkeypatch.setattr(gallery, "REPOSITORY", repository)
        assert gallery.write_links(tmp_path) == [*paths, tmp_path / gallery.PAGE]
        assert len(read_json(paths[0])["cells"]) == cells
        page = (tmp_path / gallery.PAGE).read_text(encoding="utf-8")
        assert page.startswith("before\n")
        assert page.endswith("\nafter\n")
        assert page.count("Colab") == (len(NAMES) if repository else 0)
        assert repository in page
    assert [read_json(path) for path in paths] == before


# Pixels: a page of 780 leaves 734 for a picture, and its smallest text of 9 points, which is 12.5 pixels, gets 9.
WIDEST = 1000


class TestStored:
    """What lies in assets/gallery."""

    def test_every_lesson_is_there_and_nothing_else(self):
        names = {f"{name}.{kind}" for name in NAMES for kind in ("ipynb", "png")}
        assert {path.name for path in STORED.iterdir()} == names | {gallery.TIMES, gallery.PAGE}

    @pytest.mark.parametrize("name", NAMES)
    def test_a_copy_has_the_code_and_prose_of_its_source_and_results(self, name):
        copy, source = read_json(STORED / f"{name}.ipynb"), read_json(ROOT / "notebooks" / f"{name}.ipynb")
        copy["cells"] = [cell for cell in copy["cells"] if "install" not in cell["metadata"].get("tags", [])]
        for ours, theirs in zip(copy["cells"], source["cells"], strict=True):
            assert ours["cell_type"] == theirs["cell_type"]
            expected = theirs["source"] if theirs["cell_type"] == "code" else gallery.relinked(theirs["source"])
            assert "".join(ours["source"]) == "".join(expected)
        code = [cell for cell in copy["cells"] if cell["cell_type"] == "code"]
        assert all(cell["execution_count"] for cell in code)
        assert not [item for cell in code for item in cell["outputs"] if item["output_type"] == "error"]

    @pytest.mark.parametrize("name", NAMES)
    def test_pictures_are_so_narrow_that_their_text_can_be_read_on_a_page_of_780_pixels(self, name):
        for output, kind in picture_outputs(read_json(STORED / f"{name}.ipynb")["cells"]):
            picture = Image.open(io.BytesIO(base64.b64decode(output["data"][kind])))
            assert picture.width <= WIDEST

    @pytest.mark.parametrize("name", NAMES)
    def test_files_are_small_and_name_no_machine(self, name):
        for kind in ("ipynb", "png"):
            assert (STORED / f"{name}.{kind}").stat().st_size <= gallery.LARGEST
        for cell in read_json(STORED / f"{name}.ipynb")["cells"]:
            said = json.dumps(
                [[item.get("text"), item.get("data", {}).get("text/plain")] for item in cell.get("outputs", [])]
            )
            assert not re.search(r"(?<![\w.~])/(home|root|tmp|work|Users|mnt)/|[A-Z]:\\\\", said)

    @pytest.mark.parametrize("name", NAMES)
    def test_every_picture_has_an_alt_text(self, name):
        outputs = list(picture_outputs(read_json(STORED / f"{name}.ipynb")["cells"]))
        assert outputs
        assert all(len(output["metadata"][kind]["alt"].split()) >= 5 for output, kind in outputs)

    @pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("10")])  # it prints raw settings
    def test_what_a_copy_shows_fits_a_window_of_1280_pixels_and_no_mark_of_bold_text_is_shown(self, name):
        for cell in read_json(STORED / f"{name}.ipynb")["cells"]:
            for item in cell.get("outputs", []):
                data = item.get("data", {})
                printed = "".join(item.get("text", "")).splitlines()
                assert max(map(len, printed), default=0) <= 130  # JupyterLab breaks longer lines inside words
                width = re.search(r"<Figure size (\d+)x", "".join(data.get("text/plain", "")))
                assert width is None or int(width[1]) <= 1280
                assert "&#42;&#42;" not in "".join(data.get("text/markdown", ""))

    @pytest.mark.parametrize("name", NAMES)
    def test_an_installing_cell_is_there_only_if_the_repository_is_set(self, name):
        tags = [
            tag for cell in read_json(STORED / f"{name}.ipynb")["cells"] for tag in cell["metadata"].get("tags", [])
        ]
        assert tags.count("install") == (1 if gallery.REPOSITORY else 0)

    def test_its_page_shows_it(self):
        page = (STORED / gallery.PAGE).read_text(encoding="utf-8")
        begin, end = gallery.MARKS
        between = page.split(begin)[1].split(end)[0]
        assert between == gallery.markdown()
        assert all(promise(path) in between for path in list_notebooks())

    def test_lessons_state_the_seconds_that_were_measured(self):
        measured = read_json(STORED / gallery.TIMES)["quick"]
        assert measured["machine"]["cores"] == 2
        for path in list_notebooks():
            first = "".join(read_json(path)["cells"][0]["source"])
            stated = re.search(r"\*\*Time\*\* — on 2 cores (\d+) (s|min)\b", first)
            assert stated, path.stem
            seconds = int(stated[1]) * (60 if stated[2] == "min" else 1)
            assert abs(seconds - measured["seconds"][path.stem]) <= max(5, 0.25 * seconds), path.stem
            if "preset" in parameters(path) and path.stem not in gallery.OWN_PRESET:
                assert re.search(r"`full`[^*]*\d+ min", first), path.stem


def test_a_picture_that_claims_to_be_gigantic_is_not_decoded():
    header = struct.pack(">4sIIBBBBB", b"IHDR", 60_000, 60_000, 8, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", struct.pack(">I", 13), header, struct.pack(">I", zlib.crc32(header))]
    data = base64.b64encode(b"".join(parts) + struct.pack(">I4s", 0, b"IDAT") + b"\0" * 4).decode()
    with pytest.raises(ImageTooLarge, match="A picture of the notebook has 3,600,000,000 pixels"):
        gallery.thumbnail(executed(shows(data)))
