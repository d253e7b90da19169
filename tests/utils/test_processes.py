"""Without torchrun every function of several processes gives back what it was given; what differs is named."""

import ast

import pytest
import torch
from places import ROOT

from satkit.utils import processes
from satkit.utils.errors import UsageError


def test_alone_everything_is_as_it_was():
    counts = torch.tensor([1, 2])
    with processes.joined(), processes.leading({"step": 1}):
        assert (processes.count(), processes.number()) == (1, 0)
        assert processes.is_first()
        assert processes.leads()
        assert processes.part(16) == slice(0, 16)
        assert processes.summed(counts) is counts
        assert processes.reduced(counts) is counts
        assert processes.from_first(lambda: {"counts": counts})["counts"] is counts
        assert (processes.any_signal(None), processes.any_signal(15)) == (None, 15)
        assert processes.agreed(lambda: 3, lambda found: {"is": found}) == 3
    processes.dismiss()
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(("total", "count"), [(16, 2), (16, 3), (4, 4), (5, 3)])
def test_the_parts_of_a_batch_are_all_of_it_and_none_is_empty(monkeypatch, total, count):
    monkeypatch.setattr(processes, "count", lambda: count)
    images = []
    for number in range(count):
        monkeypatch.setattr(processes, "number", lambda number=number: number)
        part = list(range(total))[processes.part(total)]
        assert abs(len(part) - total / count) < 1
        images += part
    assert images == list(range(total))


def test_an_error_of_a_process_that_is_alone_is_raised_as_it_is():
    def prepare():
        raise UsageError("Unknown preset.")

    with pytest.raises(UsageError, match=r"^Unknown preset\.$"):
        processes.agreed(prepare, lambda found: {})


class TestAgreement:
    """Two processes, of which this is the first or the second."""

    def agreed(self, monkeypatch, rank, prepare, other):
        monkeypatch.setattr(processes, "_group", processes._Group(rank, 2, None, None))
        order = (lambda text: [text, other]) if rank == 0 else (lambda text: [other, text])
        monkeypatch.setattr(processes, "texts", order)
        return processes.agreed(prepare, lambda found: found)

    def test_equal_descriptions_are_taken(self, monkeypatch):
        assert self.agreed(monkeypatch, 0, lambda: {"seed": 1}, '{"is": {"seed": 1}}') == {"seed": 1}

    def test_what_differs_is_said_by_the_first_alone_and_both_end_with_2(self, monkeypatch):
        said = "All processes must train the same, but seed is 1 in process 0 and 2 in process 1. Start all of them"
        with pytest.raises(UsageError, match=said):
            self.agreed(monkeypatch, 0, lambda: {"seed": 1}, '{"is": {"seed": 2}}')
        with pytest.raises(SystemExit) as end:
            self.agreed(monkeypatch, 1, lambda: {"seed": 2}, '{"is": {"seed": 1}}')
        assert end.value.code == 2

    def test_a_part_that_only_one_has_differs(self, monkeypatch):
        with pytest.raises(UsageError, match="but habitat is None in process 0 and 0.5 in process 1"):
            self.agreed(monkeypatch, 0, lambda: {"seed": 1}, '{"is": {"seed": 1, "habitat": 0.5}}')

    def test_an_error_is_said_by_the_first_process_that_has_it(self, monkeypatch):
        def prepare():
            raise UsageError("Unknown preset.")

        with pytest.raises(UsageError, match="Unknown preset"):
            self.agreed(monkeypatch, 0, prepare, '{"code": 2}')
        with pytest.raises(UsageError, match="Unknown preset"):
            self.agreed(monkeypatch, 1, prepare, '{"is": {"seed": 1}}')
        for work in (prepare, lambda: {"seed": 1}):
            with pytest.raises(SystemExit) as end:
                self.agreed(monkeypatch, 1, work, '{"code": 2}')
            assert end.value.code == 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("Connection closed by peer", "has ended, and has said why if it could"),
        ("Timed out after", "does not answer"),
    ],
)
def test_an_error_of_the_connection_is_that_of_another_process(error, said):
    def call(*_):
        raise RuntimeError(error)

    with pytest.raises(processes.ProcessLost, match=f"Another process of this training {said}. What was saved is kept"):
        processes._safely(call)


def test_torch_distributed_is_known_to_one_file_only():
    users = set()
    for path in (ROOT / "satkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in getattr(node, "names", []) if isinstance(alias, ast.alias)]
            names += [f"{node.module}"] if isinstance(node, ast.ImportFrom) else []
            if any(name.startswith("torch.distributed") for name in names):
                users.add(path.relative_to(ROOT).as_posix())
    assert users == {"satkit/utils/processes.py"}
