"""The report is one page that opens anywhere, and says what the study's files say."""

import base64
import io
import json
import re
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image
from study_files import RESULT, WORDS, scores

from satkit.experiments.kit_models import open_kit_model
from satkit.experiments.settings import STRATEGIES
from satkit.strategies.lookup import find_strategy
from satkit.studies import confusion_data, report
from satkit.studies.saved_figures import keep_figure
from satkit.studies.score_table import COLUMNS
from satkit.utils.errors import UsageError
from satkit.utils.files import sha256_of
from satkit.utils.sealed_json import write_sealed


@pytest.fixture
def folder(tmp_path):
    """A small finished study: result, two figures, two configurations."""
    write_sealed(tmp_path / "result.json", RESULT)
    for run, name in (("base", "base"), ("sats", "<script>alert(1)</script>")):
        (tmp_path / run).mkdir()
        write_sealed(tmp_path / run / "config.json", {"strategy": {"name": name}, "seed": 0})
    figure, axes = plt.subplots(figsize=(2, 1))
    axes.plot([3, 1, 0])
    for name in ("30-loss", "10-scores"):
        keep_figure(figure, tmp_path / "figures", name, **WORDS)
    plt.close(figure)
    return tmp_path


class Page(HTMLParser):
    """Tags with their attributes, table cells and text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.stack, self.cells, self.text = [], [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self.stack.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag):
        while self.stack and self.stack.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self.stack:
            self.text += data
        if {"td", "th"} & set(self.stack):
            self.cells[-1][-1] += data


@pytest.fixture
def page(folder):
    with pytest.warns(UserWarning, match="without an explorer"):  # there are no models in this folder
        return report.write_report(folder).read_text(encoding="utf-8")


def test_the_page_needs_nothing_but_itself(folder, page):
    assert (folder / "report.html").read_text(encoding="utf-8") == page
    assert not re.findall(r"https?://", page)
    tags = Page(page).tags
    assert {"script", "link", "iframe", "object", "base"}.isdisjoint(tag for tag, _ in tags)
    sources = [values["src"] for _, values in tags if "src" in values]
    assert len(sources) == 2
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not any("href" in values for _, values in tags)
    assert "url(" not in page
    assert "@import" not in page
    assert len(page.encode()) < 5_000_000


def test_without_models_the_page_says_that_it_has_no_explorer(page):
    assert "This page is without its explorer" in Page(page).text
    assert "satkit-" not in re.sub(r"--satkit-\w+", "", page)


def test_with_models_the_explorer_is_in_the_page_which_stays_below_5_mb(folder, monkeypatch):
    noisy(folder, 8)
    monkeypatch.setattr(confusion_data, "MOST_SEARCHED", 8)
    monkeypatch.setattr(report, "experiments_of", lambda folder: {"SATS": open_kit_model("sats")})
    path = report.write_report(folder)
    page = path.read_text(encoding="utf-8")
    assert path.stat().st_size <= 5_000_000
    tags = Page(page).tags
    assert [values.get("type") for tag, values in tags if tag == "script"] == ["application/json", "module"]
    assert not any("src" in values for tag, values in tags if tag == "script")
    assert len([values for tag, values in tags if tag == "img"]) == 10
    data = json.loads(re.search(r'id="satkit-data">(.*?)</script>', page, re.DOTALL)[1])
    assert (data["models"], len(data["images"])) == (["base model", "SATS"], report.IMAGES)
    assert "default-src 'none'; script-src 'sha256-" in page
    assert "img-src data:" in page
    assert "<!-- satkit" not in page
    assert {values.get("id") for tag, values in tags if tag == "section"} == {"satkit-explorer", "satkit-confusions"}


def test_every_figure_is_embedded_with_its_words_under_its_heading(folder, page):
    pictures = [values for tag, values in Page(page).tags if tag == "img"]
    assert [values["alt"] for values in pictures] == [WORDS["alt"]] * 2
    for values, name in zip(pictures, ("10-scores", "30-loss"), strict=True):
        data = base64.b64decode(values["src"].partition(",")[2])
        assert data == (folder / "figures" / f"{name}.png").read_bytes()
    text = Page(page).text
    places = [text.index(words) for words in ("Watch it forget", "Training", "What decides these numbers")]
    assert places == sorted(places)
    assert "Where teacher and student look" not in text  # there is no such figure
    assert text.count(WORDS["title"]) == text.count(WORDS["see"]) == 2


def test_no_figure_is_left_out_whatever_its_name(folder):
    drawn = plt.figure(figsize=(2, 1))
    for name in ("20-look", "99-own", "mine"):
        keep_figure(drawn, folder / "figures", name, **{**WORDS, "title": f"Figure {name}"})
    plt.close(drawn)
    text = Page(report.write_report(folder).read_text(encoding="utf-8")).text
    words = ("Watch it forget", "Where teacher and student look", "Figure 20-look", "Training", "More figures")
    places = [text.index(each) for each in (*words, "Figure 99-own", "Figure mine")]
    assert places == sorted(places)


def test_the_table_holds_the_numbers_of_the_result(page):
    heads, *rows = Page(page).cells
    assert [" ".join(head.split()) for head in heads[1:4]] == [
        "old 0-3after the last step",
        "new 4-4learnt later",
        "allseen so far, 0-4",
    ]
    expected = [
        ["S & <b>ATS</b>", "54.3", "32.2", "50.0", "3.1", "87.6", "55.5"],
        ["fine-tuning", "5.1", "44.4", "12.3", "60.0", "1.2", "33.3"],
    ]
    assert [row[0] for row in rows] == [row[0] for row in expected]
    for row, name in zip(rows, RESULT["strategies"], strict=True):
        for text, key in zip(row[1:], COLUMNS, strict=True):
            assert float(text) == pytest.approx(100 * RESULT["strategies"][name][key], abs=0.0501)
    assert "After the base step the old classes had 61.2 %" in Page(page).text


def test_what_comes_from_files_is_shown_as_it_is_written(page):
    assert "<b>ATS" not in page
    assert "<i>" not in page
    assert "alert(1)" in page
    assert "ring <i>&" not in page
    text = Page(page).text
    for written in ("S & <b>ATS</b>", WORDS["title"], WORDS["see"], '"name": "<script>alert(1)</script>"'):
        assert written in text
    assert not re.findall(r"{{|{%", text)  # every place of the template is filled


def test_findings_say_what_was_kept_in_the_order_of_the_table():
    assert report.findings(RESULT) == [
        "S & <b>ATS</b> kept 87.6 % of what the base classes' mean IoU had been, and reached 32.2 % mean IoU on the "
        "new classes.",
        "fine-tuning kept 1.2 % of what the base classes' mean IoU had been, and reached 44.4 % mean IoU on the new "
        "classes.",
    ]


def test_joint_training_keeps_nothing_since_it_has_no_step_to_forget_in():
    joint = scores(old=0.61, new=0.52, all=0.6, forgetting=None, kept=1.0, average=0.6, steps=[{}])
    assert report.findings({**RESULT, "strategies": {"joint": joint}}) == [
        "joint: 61.0 % on the base classes, 52.0 % on the others."
    ]


def test_the_page_says_what_decides_its_numbers(page):
    text = " ".join(Page(page).text.split())
    for said in (
        "Background counts as an old class; void pixels are ignored in training",
        "with the last weights of each step",
        "Setting: overlapped; backbone: mit_quick; preset: quick; seed: 0 (one seed",
        "satkit 0.1.0 with torch 2.13.0, Python 3.11.7, 2 threads of 4 cores, CPU, Linux x86_64, in 1 min 40 s",
        "first learnt 3 classes (disc to square), and then 1 more (cross to cross)",
    ):
        assert said in text


def test_the_page_shows_the_command_that_makes_the_study_again(page):
    words = "satkit study --data scenes --task 3-1 --preset quick --seed 0 --strategies fine-tuning,sats"
    assert words in " ".join(Page(page).text.split())


def test_a_study_that_is_not_finished_has_no_report(tmp_path):
    with pytest.raises(UsageError, match="holds no finished study: result.json is missing. Run satkit study first"):
        report.write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_strategies_with_base_steps_of_their_own_are_said_to_have_them():
    assert "started from the same base model." in report.lead(RESULT)
    own = {**RESULT, "strategies": {**RESULT["strategies"], "SSUL": scores(old=0.5, new=0.1, all=0.4, base=0.5)}}
    assert "from the same base model, or from one of its own kind." in report.lead(own)


def per_class(**first):
    """IoU after the base step, as a run's result holds it."""
    return {name: {"iou": [value, 0.5]} for name, value in first.items()}


def findings_of(**values):
    return report.findings({**RESULT, "classes": ["background", *"abcd"], "strategies": {"EWC": scores(**values)}})


def test_a_base_model_that_had_learnt_next_to_nothing_is_said_to_have_nothing_to_keep():
    assert findings_of(new=0.1, kept=None) == [
        "EWC: its base model had learnt next to nothing (0.0 % mean IoU), so that there was nothing to keep. It "
        "reached 10.0 % mean IoU on the new classes."
    ]
    little = per_class(background=0.9, a=0.01, b=0.04, c=None, d=None)
    (said,) = findings_of(new=0.1, kept=5.087, per_class=little)
    assert "EWC kept 508.7 %" not in said
    assert "EWC forgot nothing on the whole: the base classes' mean IoU grew from 2.5 %" in said
    little["b"]["iou"][0] = 0.028
    (said,) = findings_of(new=0.1, kept=5.087, per_class=little)
    assert said.startswith("EWC: its base model had learnt next to nothing (1.9 % mean IoU)")


def test_classes_that_have_become_better_are_said_to_be_better():
    assert findings_of(new=0.1, kept=1.25, per_class=per_class(background=0.9, a=0.3, b=0.5, c=0.4, d=None)) == [
        "EWC forgot nothing on the whole: the base classes' mean IoU grew from 40.0 % after the base step to 50.0 %. "
        "It reached 10.0 % mean IoU on the new classes."
    ]


def test_places_are_called_places():
    result = {**RESULT, "settings": {**RESULT["settings"], "setting": "domain"}, "added_classes": []}
    result["strategies"] = {
        "SATS": scores(new=0.4, kept=0.75, base=0.6),
        "EWC": scores(new=0.4, kept=1.5, base=0.4, per_class=per_class(disc=0.01)),
    }
    said = report.findings(result)
    assert said[0].startswith("SATS kept 75.0 % of what the old places' mean IoU had been, and reached 40.0 %")
    assert "the old places' mean IoU grew from 40.0 % after the base step to 60.0 %" in said[1]
    assert "in some places, and then the same in others. Each strategy below started from" in report.lead(result)


def noisy(folder, count, size=700):
    """Figures that no lossless file can make small."""
    random = np.random.default_rng(0)
    for number in range(count):
        picture = folder / "figures" / f"20-{number:02d}.png"
        Image.fromarray(random.integers(0, 256, (size, size, 3), dtype=np.uint8)).save(picture)
        about = {"name": picture.stem, **WORDS, "alt": f"Noise {number}.", "picture": sha256_of(picture)}
        write_sealed(picture.with_suffix(".json"), about)


def test_a_page_of_many_large_pictures_shows_them_all_in_5_mb_and_says_that_it_compressed_them(folder):
    noisy(folder, 8)
    assert sum(path.stat().st_size for path in (folder / "figures").glob("*.png")) > 10_000_000
    path = report.write_report(folder)
    page = path.read_text(encoding="utf-8")
    assert 3_000_000 < path.stat().st_size <= 5_000_000
    pictures = [values for tag, values in Page(page).tags if tag == "img"]
    assert [values["alt"] for values in pictures] == [WORDS["alt"], *(f"Noise {n}." for n in range(8)), WORDS["alt"]]
    for values in pictures:
        with Image.open(io.BytesIO(base64.b64decode(values["src"].partition(",")[2]))) as picture:
            assert (picture.format, picture.size == (700, 700)) == (
                ("WEBP", True) if "Noise" in values["alt"] else ("PNG", False)
            )
    assert "So that this page stays small, 8 of 10 pictures are compressed; the folder figures holds" in page
    again = report.write_report(folder).read_text(encoding="utf-8")
    assert again == page


def test_a_picture_without_room_is_said_to_be_missing_and_where_it_is(folder, monkeypatch):
    noisy(folder, 2)
    monkeypatch.setattr(report, "LARGEST", 400_000)
    path = report.write_report(folder)
    assert path.stat().st_size <= 400_000
    page = Page(path.read_text(encoding="utf-8"))
    assert sum(tag == "img" for tag, _ in page.tags) == 3
    (missing,) = (number for number in range(2) if f"Noise {number}." in page.text)
    place = f"it lies beside this page: figures/20-{missing:02d}.png. Noise {missing}."
    assert place in page.text
    assert "1 of 4 pictures are compressed and 1 of 4 are left out; the folder figures holds all" in page.text


def test_a_page_whose_pictures_are_as_drawn_says_nothing_about_them(page):
    assert "stays small" not in page
    assert 'class="left-out"' not in page


def test_the_table_scrolls_in_a_box_of_its_own_and_its_caption_does_not(page):
    (box,) = (values for tag, values in Page(page).tags if values.get("class") == "wide")
    assert box["tabindex"] == "0", "the keyboard must reach what scrolls"
    assert box["aria-labelledby"] in [values.get("id") for _, values in Page(page).tags]
    assert re.search(r'<div class="wide"[^>]*>\s*<table class="', page)
    assert re.search(r"\.wide {[^}]*overflow-x: auto", page)
    assert re.search(r"caption span {[^}]*position: sticky[^}]*max-width: 100cqw", page)


def test_the_page_is_dark_where_the_screen_is_and_its_pictures_stay_on_white(page):
    (dark,) = re.findall(r"@media screen and \(prefers-color-scheme: dark\) {(.*?)\n}", page, re.DOTALL)
    light = re.search(r":root {(.*?)}", page, re.DOTALL)[1]
    assert re.search(r"--paper: #ffffff", light)
    for name in ("ink", "soft", "line", "paper", "tint"):
        (day,), (night,) = (re.findall(rf"--{name}: (#\w+)", part) for part in (light, dark))
        assert day != night
    assert re.search(r"figure img {[^}]*background: #ffffff", page)
    colours = page.replace(light, "").replace(dark, "")
    assert set(re.findall(r"#[0-9a-f]{6}\b", colours.split("</style>")[0])) == {"#ffffff"}


def test_whatever_scrolls_can_be_reached_by_the_keyboard_and_has_a_name(page):
    boxes = [values for tag, values in Page(page).tags if tag == "pre" or values.get("class") == "wide"]
    assert len(boxes) == 4
    for box in boxes:
        assert (box["tabindex"], box["role"]) == ("0", "region")
        assert box.get("aria-label") or box.get("aria-labelledby")


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_table_that_is_wider_than_the_screen_has_a_shadow_where_it_goes_on(chromium, folder, scheme):
    page = chromium.new_page(viewport={"width": 400, "height": 900}, color_scheme=scheme)
    page.goto(report.write_report(folder).as_uri())
    box = page.locator(".wide")

    def shaded():
        """Whether the left and the right edge differ from the paper."""
        page.wait_for_timeout(100)
        pixels = np.array(Image.open(io.BytesIO(box.screenshot())).convert("L"), dtype=float)
        return [bool(abs(np.median(pixels[:, edge]) - np.median(pixels)) > 20) for edge in (1, -2)]

    assert shaded() == [False, True]
    box.evaluate("box => box.scrollLeft = 60")
    assert shaded() == [True, True]
    box.evaluate("box => box.scrollLeft = box.scrollWidth")
    assert shaded() == [True, False]
    page.close()


@pytest.mark.browser
@pytest.mark.slow
def test_every_column_of_the_default_study_can_be_seen_at_1280_pixels(chromium, tmp_path):
    last = scores(old=0.9345, new=0.9219, all=0.9301, forgetting=0.0312, kept=0.9965, average=0.9355)
    names = [find_strategy(text).name for text in STRATEGIES]
    classes = dict(base_classes=list(range(1, 16)), added_classes=[16, 17, 18, 19, 20])
    classes["classes"] = [f"class {label}" for label in range(21)]
    write_sealed(tmp_path / "result.json", {**RESULT, **classes, "strategies": dict.fromkeys(names, last)})
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    page.goto(report.write_report(tmp_path).as_uri())
    assert page.locator("table").get_by_text(names[1]).first.is_visible()
    widths = "boxes => boxes.map(box => [box.scrollWidth, box.clientWidth])"
    ((table, room),) = page.locator(".wide").evaluate_all(widths)
    assert table <= room
    page.close()
