"""The lessons keep to the house rules, and every one of them runs from top to bottom without a word of complaint."""

import json
import re

import nbformat
import pytest

from satkit.notebooks import check_house_rules, list_notebooks, notebook_folder, run_notebook

LESSONS = sorted(path.stem for path in list_notebooks())
SOLUTIONS = sorted(path.stem for path in (notebook_folder() / "solutions").glob("*.ipynb"))
RUN = ["00_start_here", "01_scenarios", "06_train_base_step", "02_forgetting"]  # the base step is trained by 06
RUN += ["03_attention_maps", "04_region_relations", "05_sats_loss"]
RUN += ["07_train_next_step", "08_teacher_and_student", "09_visualising_forgetting", "13_write_your_own_term"]
RUN += ["11_why_forgetting", "10_compare_strategies", "12_your_own_data"]
DRAWS = re.compile(r"^\s*(figure|axes|figure, all_axes) = |plots\.iou_heatmap\(|^\w+ = explore_\w+\(", re.MULTILINE)
MOST_LINES = 22


def read(name):
    return nbformat.read(str(notebook_folder() / f"{name}.ipynb"), as_version=4)


def prose(name):
    return "\n\n".join(cell.source for cell in read(name).cells if cell.cell_type == "markdown")


def code(name):
    return [cell for cell in read(name).cells if cell.cell_type == "code"]


def test_there_are_lessons_and_every_one_is_run_below():
    assert sorted(RUN) == LESSONS


@pytest.mark.parametrize("name", LESSONS)
class TestEveryLesson:
    def test_is_a_valid_notebook_for_python3_without_outputs(self, name):
        notebook = read(name)
        nbformat.validate(notebook, relax_add_props=False)
        assert notebook.metadata.kernelspec.name == "python3"
        for cell in code(name):
            assert cell.outputs == []
            assert cell.execution_count is None

    def test_has_a_different_id_for_every_cell(self, name):
        ids = [cell.id for cell in read(name).cells]
        assert len(set(ids)) == len(ids)

    def test_has_one_parameters_cell_before_all_other_code(self, name):
        tagged = ["parameters" in cell.metadata.get("tags", []) for cell in code(name)]
        assert tagged == [True] + [False] * (len(tagged) - 1)
        check_house_rules(notebook_folder() / f"{name}.ipynb")

    def test_opens_with_its_number_goals_time_and_needs(self, name):
        first = read(name).cells[0]
        assert first.cell_type == "markdown"
        assert first.source.startswith(f"# {name[:2]} · ")
        for word in ("Goals", "Time", "Needs"):
            assert f"**{word}** — " in first.source

    def test_ends_with_what_we_saw_questions_exercises_and_further_reading(self, name):
        text = prose(name)
        places = [
            re.search(rf"^(## |\*\*){heading}(\*\*)?", text, re.MULTILINE).start()
            for heading in ("What we saw", "Questions", "Exercises", "Further reading")
        ]
        assert places == sorted(places)
        questions = text[places[1] : places[2]]
        assert len(re.findall(r"^\d\. ", questions, re.MULTILINE)) == 3

    def test_has_a_hidden_hint_for_every_exercise(self, name):
        exercises = re.split(r"\*\*(?:Exercises|Further reading)\*\*", prose(name))[1]
        numbered = re.split(r"^\d\. ", exercises, flags=re.MULTILINE)[1:]
        assert numbered
        for exercise in numbered:
            hint = re.search(r"<details><summary>Hint</summary>(.+?)</details>", exercise, re.DOTALL)
            assert hint, exercise
            assert hint[1].strip()

    def test_names_no_absolute_path(self, name):
        for cell in read(name).cells:
            assert not re.search(r"(?<![\w.>)\]/:-])(/(home|root|tmp|work|usr|Users|mnt|data)/|[A-Z]:\\)", cell.source)

    def test_has_short_cells_with_prose_between_them(self, name):
        for cell in code(name):
            assert cell.source.strip()
            assert len(cell.source.splitlines()) <= MOST_LINES, cell.source
            assert "plt.show()" not in cell.source
        kinds = "".join(cell.cell_type[0] for cell in read(name).cells)
        assert "cccc" not in kinds

    def test_shows_a_picture_for_everybody_before_one_for_the_mouse(self, name):
        cells = code(name)
        for place, cell in enumerate(cells):
            tagged = "interactive" in cell.metadata.get("tags", [])
            assert tagged == bool(re.search(r"= explore_\w+\(", cell.source)), cell.source
            if tagged:
                assert any(DRAWS.search(earlier.source) for earlier in cells[:place])

    def test_next_names_a_lesson(self, name):
        for other in re.findall(r"\*\*Next\*\*[^`]*`([^`]+)`", prose(name)):
            assert other in LESSONS

    def test_commands_in_it_name_parameters_of_their_notebook(self, name):
        from satkit.notebooks import find_notebook, parse_assignments

        commands = re.findall(r"satkit run (\d\d)((?: -p \S+)*)", prose(name).replace("</code>", " "))
        for number, values in commands:
            path = find_notebook(number)
            parse_assignments(path, re.findall(r"-p (\S+)", values))

    def test_declares_the_same_parameter_with_the_same_default_as_the_others(self, name):
        from satkit.notebooks import parameters

        if name == "00_start_here":  # trains into a study of its own with the small preset
            return
        ours, theirs = (parameters(notebook_folder() / f"{each}.ipynb") for each in (name, "06_train_base_step"))
        shared = set(ours) & set(theirs)
        assert "preset" not in ours or len(shared) >= len(theirs) - 1  # all but base_of, which 06 alone has
        assert {key: ours[key] for key in shared} == {key: theirs[key] for key in shared}


@pytest.mark.skipif(not SOLUTIONS, reason="there are no solutions")
def test_every_solution_belongs_to_a_lesson():
    assert set(SOLUTIONS) <= set(LESSONS)


@pytest.fixture(scope="module")
def _shared_runs(tmp_path_factory):
    """A folder of runs in which the lessons find what earlier ones have trained."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SATKIT_RUNS", str(tmp_path_factory.mktemp("lessons")))
        yield


@pytest.mark.slow
@pytest.mark.usefixtures("_shared_runs")
@pytest.mark.parametrize("name", RUN)
def test_a_lesson_runs_draws_and_does_not_complain(tmp_path, name):
    values = {} if name == "10_compare_strategies" else {"preset": "smoke"}  # 10 trains nothing
    result = run_notebook(name, tmp_path / f"{name}.ipynb", values, env={"SATKIT_STATIC": "1"})
    cells = [cell for cell in nbformat.read(str(result.output), 4).cells if cell.cell_type == "code"]
    drawn = 0
    for cell in cells:
        outputs = cell.outputs
        assert not [item for item in outputs if item.output_type == "error"], cell.source
        assert not [item.text for item in outputs if item.get("name") == "stderr"], cell.source
        said = json.dumps([item.get("text", "") for item in outputs])
        assert "Traceback" not in said
        assert "Warning" not in said
        if DRAWS.search(cell.source):
            drawn += 1
            assert any("image/png" in item.get("data", {}) for item in outputs), cell.source
    assert drawn >= 2


@pytest.mark.slow
@pytest.mark.usefixtures("_shared_runs")
def test_pictures_that_are_kept_state_what_they_show():
    """After the lessons above: every kept picture but those of whole images has numbers in its alt text."""
    from satkit.figures import kept_figures
    from satkit.runs import run_folder

    kept = [figure for figure, _ in kept_figures(run_folder("lesson") / "figures")]
    assert {figure.name[:2] for figure in kept} >= {"10", "11", "12", "13", "14", "15", "16", "20", "21", "30", "31"}
    for figure in kept:
        assert re.search(r"\d\.\d|\d %|from \d", figure.alt) or figure.name[:2] in ("11", "12"), figure.alt


@pytest.mark.slow
@pytest.mark.usefixtures("_shared_runs")
def test_a_lesson_on_a_finished_step_loads_it_and_shows_the_same(tmp_path):
    path, printed = tmp_path / "again.ipynb", []
    for _ in range(2):
        run_notebook("07_train_next_step", path, {"preset": "smoke"}, env={"SATKIT_STATIC": "1"})
        cells = nbformat.read(str(path), 4).cells
        printed.append([item.text for cell in cells for item in cell.get("outputs", []) if "text" in item])
    assert printed[0][-1] == printed[1][-1]
    assert "%" in printed[1][-1]
