"""satkit bench: its options, its table and its file."""

import json

from satkit.cli.parser import main
from satkit.studies import bench
from satkit.studies.bench import Measurement


def test_it_prints_the_table_and_writes_the_file(tmp_path, monkeypatch, capsys):
    asked = []

    def measured(*arguments):
        *others, say = arguments
        asked.append(tuple(others))
        say("SATS step / distillation step, quick, 64 px")
        yield Measurement("SATS step / distillation step", "quick, 64 px", 1.03, 1.0, 1.1, 1.04)

    monkeypatch.setattr(bench, "measure", measured)
    assert main(["bench", "--sizes", "quick, full", "--pairs", "3", "--out", str(tmp_path / "bench.json")]) == 0
    assert asked == [(["quick", "full"], "cpu", 3)]
    printed = capsys.readouterr()
    assert "1.00 to 1.10" in printed.out
    assert printed.err == "measuring: SATS step / distillation step, quick, 64 px\n"
    written = json.loads((tmp_path / "bench.json").read_text())
    assert written["measurements"][0]["met"] is True
    assert written["machine"]["cores"] >= 1


def test_a_size_that_does_not_exist_is_refused(capsys):
    assert main(["bench", "--sizes", "huge"]) == 2
    assert "Unknown size 'huge'" in capsys.readouterr().err
