"""The jobs of a study: which notebooks, with which parameters, in which order."""

from dataclasses import replace

import pytest
from tiny import SETTINGS

from satkit.experiments.plan import Plan
from satkit.experiments.study_folder import StudyFolder
from satkit.notebooks.finding import find_notebook
from satkit.notebooks.parameters import check_parameters
from satkit.strategies import STRATEGIES
from satkit.studies import jobs as jobs_module
from satkit.studies.study import prepare
from satkit.utils.errors import UsageError

pytestmark = pytest.mark.usefixtures("tiny")


def jobs_of(folder, *strategies, settings=SETTINGS):
    study = StudyFolder(folder, settings)
    return jobs_module.jobs_of(study, prepare(study, strategies), shows_attention=True)


def test_the_base_step_comes_first_then_each_strategy_then_what_compares_them(tmp_path):
    jobs = jobs_of(tmp_path / "s", "fine-tuning", "sats")
    assert [(job.notebook, job.label, job.output, job.iterations) for job in jobs] == [
        ("06_train_base_step", "base step", "06_base", 4),
        ("07_train_next_step", "fine-tuning, step 1", "07_fine-tuning_step1", 3),
        ("07_train_next_step", "SATS, step 1", "07_sats_step1", 3),
        ("08_teacher_and_student", "fine-tuning, attention", "08_fine-tuning", 0),
        ("08_teacher_and_student", "SATS, attention", "08_sats", 0),
        ("09_visualising_forgetting", "forgetting", "09_fine-tuning_sats", 0),
    ]
    assert jobs[0].values["two_starts"] is False  # what only the lesson is for
    assert jobs[1].effort < jobs[2].effort  # a teacher runs along
    assert [job.values.get("strategy") for job in jobs] == [None, *["fine-tuning", "sats"] * 2, None]
    assert jobs[-1].values["strategies"] == ["fine-tuning", "sats"]
    assert {job.values["study"] for job in jobs} == {str(tmp_path / "s")}  # which supplies the settings
    assert not {"preset", "seed", "order"} & set().union(*(job.values for job in jobs))


def test_base_steps_come_first_one_of_each_kind(tmp_path):
    jobs = jobs_of(tmp_path / "s", "ssul", "sats", "ssul+memory=10", "mib+attention")
    bases = [job for job in jobs if job.notebook == "06_train_base_step"]
    assert jobs[:2] == bases
    assert [job.label for job in bases] == ["base step of SSUL", "base step"]
    assert [job.values.get("base_of") for job in bases] == ["ssul", None]
    assert {path.parent.name for path in (tmp_path / "s").glob("base*/config.json")} == {
        job.output.removeprefix("06_") for job in bases
    }


def test_many_strategies_give_notebooks_with_names_of_their_own(tmp_path):
    many = [*STRATEGIES]
    jobs = jobs_of(tmp_path / "s", *many)
    assert len({job.output for job in jobs}) == len(jobs)
    assert all(len(job.output) < 80 for job in jobs)
    fewer = jobs_of(tmp_path / "t", *many[:-1])
    assert jobs[-1].output != fewer[-1].output


def test_joint_training_is_one_job_without_teacher(tmp_path):
    jobs = jobs_of(tmp_path / "s", "joint", "sats")
    assert [job.output for job in jobs] == [
        "06_base",
        "07_joint_step0",
        "07_sats_step1",
        "08_sats",
        "09_joint_sats",
    ]
    assert (jobs[1].label, jobs[1].values["step"], jobs[1].iterations) == ("joint, all classes at once", 0, 4)


def test_a_task_of_one_step_is_refused_for_strategies_that_learn_step_by_step(tmp_path):
    offline = replace(SETTINGS, task="offline")
    said = "'offline' has one step only, in which 'SATS' has nothing to remember. .* such as 19-1, or only"
    with pytest.raises(UsageError, match=said):
        prepare(StudyFolder(tmp_path / "s", offline), ("joint", "sats"))
    assert not (tmp_path / "s").exists()


def test_a_study_without_attention_is_not_advised_to_do_without():
    plan = Plan(replace(SETTINGS, backbone="resnet18"), "sats-features")
    reason = jobs_module.why_no_attention(plan)
    assert "has no self-attention that satkit can tap" in reason
    assert "sats-features" not in reason
    assert reason.endswith("such as vit_tiny_patch16_224.")


def test_joint_training_alone_needs_no_base_step(tmp_path):
    assert [job.output for job in jobs_of(tmp_path / "s", "joint")] == ["07_joint_step0"]
    assert not (tmp_path / "s" / "base").exists()


def test_a_long_scenario_has_a_job_for_every_step(tmp_path):
    jobs = jobs_of(tmp_path / "s", "fine-tuning", "sats", settings=replace(SETTINGS, task="15-1"))
    steps = [f"07_{tag}_step{step}" for tag in ("fine-tuning", "sats") for step in range(1, 6)]
    assert [job.output for job in jobs] == ["06_base", *steps, "08_fine-tuning", "08_sats", "09_fine-tuning_sats"]
    assert [job.values["step"] for job in jobs[1:-1]] == [1, 2, 3, 4, 5] * 2 + [5, 5]


def test_every_value_is_a_parameter_of_its_notebook(tmp_path):
    for job in jobs_of(tmp_path / "s", "joint", "sats"):
        check_parameters(find_notebook(job.notebook), job.values)


def test_a_base_step_that_was_given_is_no_job(tmp_path):
    StudyFolder(tmp_path / "first", SETTINGS).train_base(report=lambda *_: lambda iteration: None)
    settings = replace(SETTINGS, base_model=str(tmp_path / "first" / "base"))
    jobs = jobs_of(tmp_path / "s", "sats", "joint", settings=settings)
    assert [job.output for job in jobs] == ["07_sats_step1", "07_joint_step0", "08_sats", "09_sats_joint"]
