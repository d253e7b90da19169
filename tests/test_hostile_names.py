"""Hostile names: no path leads out of its folder, and in a page a name is text and nothing else."""

import base64
import io
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from hostile import HTML, PATHS, refusal
from nbconvert.filters import markdown2html
from PIL import Image
from study_files import RESULT, WORDS
from tiny import SETTINGS, TINY

from satkit import plots
from satkit.data.datasets.class_list import read_classes
from satkit.data.reading.pairs import pair_listed
from satkit.experiments import presets
from satkit.experiments.kit_models import kit_model
from satkit.experiments.run_places import run_folder
from satkit.experiments.study_folder import StudyFolder
from satkit.notebooks import gallery
from satkit.notebooks.html_page import HTMLPage
from satkit.strategies import STRATEGIES
from satkit.strategies.lookup import find_strategy, names
from satkit.studies.overview import overview
from satkit.studies.report import write_report
from satkit.studies.saved_figures import keep_figure
from satkit.utils.assets import python_command, source_path
from satkit.utils.errors import UsageError
from satkit.utils.names import DEVICES, file_name, slug
from satkit.utils.sealed_json import write_sealed
from satkit.utils.tables import Column, Table

PLAIN = "plain name"


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


def test_there_are_hundreds_of_hostile_names():
    assert len(PATHS) >= 500
    assert len(HTML) >= 20


def test_a_slug_is_one_folder_that_every_system_can_have(tmp_path):
    for name in PATHS:
        called = slug(name)
        if not called:
            continue
        assert file_name(called, "run") == called
        assert called.split(".")[0] not in DEVICES
        (tmp_path / called).mkdir(exist_ok=True)
        assert (tmp_path / called).resolve().parent == tmp_path.resolve()


def test_a_name_that_no_file_can_have_is_refused_and_others_stay_in_their_folder(tmp_path):
    refused = 0
    for name in PATHS:
        if said := refusal(file_name, name, "figure"):
            assert said.startswith("The name of a figure must be one that a file can have, got ")
            refused += 1
            continue
        path = tmp_path / name
        path.write_text("x")
        assert path.resolve().parent == tmp_path.resolve()
    assert 200 < refused < len(PATHS)


def test_a_run_s_name_stays_among_the_runs_unless_it_is_a_path(tmp_path):
    for name in PATHS:
        if not refusal(run_folder, name, tmp_path):
            assert "/" in name or name.startswith(".") or run_folder(name, tmp_path).parent == tmp_path


def test_a_figure_is_never_written_outside_of_its_folder(tmp_path):
    figure = plt.figure(figsize=(0.2, 0.2))
    names, kept = [*PATHS[::17], "..", "../x", "/tmp/x", "a/b", "CON"], 0
    for name in names:
        kept += not refusal(lambda name=name: keep_figure(figure, tmp_path / "study" / "figures", name, **WORDS))
    plt.close(figure)
    assert kept
    assert all(name == "study" or name.startswith("study/figures") for name in files_in(tmp_path))
    assert not any(path.is_dir() for path in (tmp_path / "study" / "figures").iterdir())


def test_a_list_of_names_reads_nothing_beside_its_two_folders(tmp_path):
    folders = images, masks = tmp_path / "data" / "images", tmp_path / "data" / "masks"
    for place in (tmp_path, *folders):
        place.mkdir(parents=True, exist_ok=True)
        for name in ("passwd.jpg", "passwd.png", "..jpg"):
            Image.new("L", (2, 2)).save(place / name, "PNG")
    (images / "passwd.png").unlink()
    lines = [name for name in PATHS if "passwd" not in name and "\ud800" not in name]
    (tmp_path / "list.txt").write_text("\n".join([*lines, "../../passwd"]), encoding="utf-8")
    pairs, problems = pair_listed(tmp_path / "list.txt", *folders)
    assert [(pair.image, pair.mask) for pair in pairs] == [(images / "passwd.jpg", masks / "passwd.png")]
    assert len(problems) > 300
    assert all("\n" not in str(problem) and "\x1b" not in str(problem) for problem in problems)


def test_a_list_of_classes_takes_names_as_text_or_refuses_the_line(tmp_path):
    file, taken = tmp_path / "classes.txt", 0
    for name in (*PATHS, *HTML):
        if "\ud800" in name:  # is no text in UTF-8
            continue
        file.write_text(f"0 background\n1 dog\n2 {name}\n", encoding="utf-8", newline="")
        if said := refusal(read_classes, file):
            assert said.startswith(f"{file}, line ")
        elif len(name.splitlines()) == 1 and name == name.strip():
            taken += read_classes(file)[2] == name
    assert taken > 200
    assert files_in(tmp_path) == {"classes.txt"}


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setitem(presets.PRESETS["scenes"], "tiny", TINY)
    return SETTINGS


def opened(study, name):
    """The folder of a run of a strategy with this name."""
    return study.experiment(replace(STRATEGIES["fine-tuning"], name=name)).run.folder


def test_a_strategy_s_folder_lies_in_its_study_whatever_it_is_called(tmp_path, tiny):
    study = StudyFolder(tmp_path / "runs" / "study", tiny)
    for name in (*PATHS[::29], *HTML[:6], "CON", "base", "../base", "figures", "x" * 300):
        made = []
        said = refusal(lambda name=name, made=made: made.append(opened(study, name)))
        assert said or made[0].parent == study.folder
    assert all(name == "runs" or name.startswith("runs/study") for name in files_in(tmp_path))


def test_a_strategy_without_letters_has_no_models_in_the_kit(tiny):
    plan = StudyFolder("unused", tiny).plan(replace(STRATEGIES["fine-tuning"], name="../.."))
    assert kit_model(plan) is None


class Page(HTMLParser):
    """What a page is made of: elements with the names of their attributes, its text, and its alt texts and titles."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self.values = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        if tag != "span" or attributes:  # one without is around a sign that MathJax would read
            self.elements.append((tag, tuple(name for name, _ in attributes)))
        self.values += [value or "" for name, value in attributes if name in ("alt", "title")]

    def handle_data(self, data):
        self.text += data


def assert_text_only(make, name, times):
    """A page with this name has the elements of one with a plain name, and shows the name so often, as it is."""
    page, plain = Page(make(name)), Page(make(PLAIN))
    assert page.elements == plain.elements
    assert page.text.count(name) == plain.text.count(PLAIN) >= times
    assert [value.replace(name, PLAIN) for value in page.values] == plain.values


def write_study(folder, name):
    """A finished study in which classes, strategies, a run and the words of a figure have this name."""
    strategies = [{**RESULT["strategies"]["fine-tuning"], "backbone": name, "preset": name}]
    classes = [name if 0 < place < 5 else each for place, each in enumerate(RESULT["classes"])]
    settings = {**RESULT["settings"], "data": name, "strategies": [name]}
    result = {**RESULT, "settings": settings, "classes": classes, "strategies": {name: strategies[0]}}
    run = folder / name.replace("/", "∕")
    run.mkdir(parents=True)
    write_sealed(run / "config.json", {"strategy": {"name": name}})
    write_sealed(folder / "result.json", result)
    figure = plt.figure(figsize=(0.2, 0.2))
    keep_figure(figure, folder / "figures", "10-scores", **dict.fromkeys(WORDS, f"Words of {name}."))
    plt.close(figure)
    return folder


@pytest.mark.parametrize("name", HTML)
def test_a_report_shows_a_name_as_text(tmp_path, name):
    def report(called):
        return write_report(write_study(tmp_path / str(called == PLAIN), called)).read_text(encoding="utf-8")

    page, plain = Page(report(name)), Page(report(PLAIN))
    assert page.elements == plain.elements
    assert page.values == [value.replace(PLAIN, name) for value in plain.values]
    assert page.text.count(f"Words of {name}.") == plain.text.count(f"Words of {PLAIN}.") == 2
    for words in ("({} to {})", "{} kept ", "backbone: {}; preset: {}", "forgotten: {} 3-1"):
        assert words.format(name, name) in page.text, words
    assert name.replace("/", "∕") in page.text


@pytest.mark.parametrize("name", HTML)
def test_tables_show_a_name_as_text_in_html_in_markdown_and_in_pandas(name):
    assert_text_only(lambda called: str(Table([Column(called)], [[called]], called).html()), name, 3)
    assert_text_only(lambda called: pd.DataFrame({called: [called]}, index=[called])._repr_html_(), name, 3)
    assert_text_only(lambda called: markdown2html(Table([Column(called)], [[called]]).markdown()), name, 2)


def executed(name):
    """An executed notebook whose outputs and alt texts hold a name in every form in which lessons show one."""
    table = Table([Column("strategy")], [[name]])
    shown = [
        {"text/markdown": table.markdown(), "text/plain": "<Markdown>"},
        {"text/html": pd.DataFrame({"a": [name]})._repr_html_(), "text/plain": name},
        {"text/plain": name},
        {"image/png": png(), "text/plain": name},
    ]
    outputs = [nbformat.v4.new_output("display_data", data) for data in shown]
    outputs[-1].metadata = {"image/png": {"alt": name}}
    outputs.append(nbformat.v4.new_output("stream", name="stdout", text=f"{name}\n"))
    cell = nbformat.v4.new_code_cell("show()", id="cell", outputs=outputs, execution_count=1)
    return nbformat.v4.new_notebook(cells=[cell])


def png():
    stream = io.BytesIO()
    Image.new("RGB", (4, 3)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


def exported(name):
    return HTMLPage().from_notebook_node(executed(name), {"metadata": {"name": name.replace("/", "∕")}})[0]


@pytest.mark.parametrize("name", HTML)
def test_an_exported_notebook_shows_a_name_as_text(name):
    page, plain = Page(exported(name)), Page(exported(PLAIN))
    assert page.elements == plain.elements
    assert name in page.values
    assert page.text.count(name) >= 4


@pytest.mark.parametrize("name", HTML)
def test_the_page_of_the_gallery_shows_an_alt_text_as_text(tmp_path, monkeypatch, name):
    monkeypatch.setattr(gallery, "list_notebooks", lambda: [tmp_path / "00_start_here.ipynb"])
    monkeypatch.setattr(gallery, "promise", lambda path: "A promise.")

    def page(called):
        nbformat.write(executed(called), tmp_path / "00_start_here.ipynb")
        return Page(markdown2html(gallery.markdown(tmp_path)))

    made, plain = page(name), page(PLAIN)
    assert made.elements == plain.elements
    shown = "".join(character for character in name if character not in "[]|")
    assert " ".join(shown.split()) in " ".join(made.values[0].split())


def test_a_contact_sheet_as_svg_holds_names_as_drawings_only(tmp_path):
    plots.use_style()
    figure, axes = plt.subplots(figsize=(3, 2))
    axes.set_title("\n".join(HTML).replace("\u202e", ""))
    figure.savefig(tmp_path / "sheet.svg")
    plt.close(figure)
    found = Page((tmp_path / "sheet.svg").read_text(encoding="utf-8"))
    assert not {"script", "img", "iframe", "body"} & {tag for tag, _ in found.elements}
    assert not any(attribute.startswith("on") for _, attributes in found.elements for attribute in attributes)


@pytest.mark.browser
@pytest.mark.slow
def test_no_name_runs_anything_in_a_browser(tmp_path, chromium):
    context = chromium.new_context(offline=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    for number, name in enumerate(HTML):
        folder = write_study(tmp_path / str(number), name)
        (folder / "notebook.html").write_text(exported(name), encoding="utf-8")
        for path in (write_report(folder), folder / "notebook.html"):
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            page.mouse.move(200, 200)
            assert page.evaluate("window.hacked") is None, name
    assert not [url for url in asked if "example.org" in url or url.startswith("javascript")]
    page.set_content("<img src=x onerror='window.hacked=1'>")  # the same would be seen if it ran
    page.wait_for_function("window.hacked === 1")
    context.close()


MODULES = ("sats", "strategies", "strategy", "custom", "mine", "recipes", "conftest", "argparse", "pandas", "torch")
BAIT = "import pathlib; pathlib.Path({!r}).write_text('ran')\nfrom satkit.strategies import SATS\nMINE = SATS\n"


def lay_bait(folder, marker):
    """Python files that leave a mark when they are run."""
    folder.mkdir(parents=True, exist_ok=True)
    for module in (*MODULES, "sitecustomize", "usercustomize", "__init__", "fine-tuning"):
        (folder / f"{module}.py").write_text(BAIT.format(str(marker)))
    return folder


def test_a_strategy_file_runs_only_when_it_is_named(tmp_path, monkeypatch, tiny):
    marker = tmp_path / "marker"
    here, study = lay_bait(tmp_path / "here", marker), lay_bait(tmp_path / "here/runs/study", marker)
    monkeypatch.chdir(here)
    monkeypatch.setenv("SATKIT_RUNS", "runs")
    opened = StudyFolder("study", tiny)
    run = opened.base().run
    lay_bait(run.folder, marker)
    for name in names("all"):
        find_strategy(name)
    for name in MODULES[1:]:
        with pytest.raises(UsageError):
            find_strategy(name)
    opened.experiment("sats+memory=5")
    overview(study.parent)
    assert not marker.exists()
    with pytest.raises(UsageError, match="must declare one strategy"):
        find_strategy("mine.py")
    assert marker.exists()


def test_a_process_of_satkit_takes_no_module_from_the_working_directory(tmp_path):
    marker = tmp_path / "marker"
    here, environment = lay_bait(tmp_path / "here", marker), source_path({})
    words = ("-m", "satkit", "--help")
    ended = subprocess.run(python_command(*words), cwd=here, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stderr
    assert not marker.exists()
    subprocess.run([sys.executable, *words], cwd=here, env=environment, capture_output=True, check=False)
    assert marker.exists()  # so the files are such that Python would take them
