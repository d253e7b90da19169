"""Sweeps without kernels and processes: a target whose runs take no time, and workers that are threads."""

import threading
from concurrent.futures import ThreadPoolExecutor

from satkit.notebooks.parameters import Parameter
from satkit.studies.sweep import Sweep
from satkit.studies.sweep_run import carry_out
from satkit.studies.sweep_targets import Meaning
from satkit.studies.sweep_workers import Workers


class CellFailed(RuntimeError):
    """Stands for the failure of a notebook."""

    exit_code = 1
    cell, source, error, reason = 2, "1 / 0", "ZeroDivisionError", "division by zero"


class Told:
    """A target that notes its runs. Seeds in `fails` fail, and those in `stops` are stopped by Ctrl-C.

    Args:
        bases: A folder for base steps, which the first run of a strategy makes; None for runs without.
    """

    word = called = "told"
    declared = {"seed": Parameter("seed", "int", 0, ""), "strategy": Parameter("strategy", "str", "sats", "")}

    def __init__(self, fails=(), stops=(), bases=None):
        self.fails, self.stops, self.bases = set(fails), set(stops), bases
        self.runs, self.at_once, self.most, self._lock = [], 0, 0, threading.Lock()

    def everywhere(self, values):
        return dict(values)

    def meaning(self, values, out):
        full = {"strategy": "sats", "seed": 0} | values
        base = self.bases / full["strategy"] if self.bases else None
        return Meaning({"told": full}, full, base)

    def check(self, values):
        pass

    def carry_out(self, values, out, folder):
        seed = values.get("seed", 0)
        with self._lock:
            self.runs.append(values)
            self.at_once += 1
            self.most = max(self.most, self.at_once)
        try:
            if self.bases:
                manifest = self.meaning(values, out).base / "steps" / "0" / "manifest.json"
                manifest.parent.mkdir(parents=True, exist_ok=True)
                manifest.touch()
            if seed in self.stops:
                raise KeyboardInterrupt
            if seed in self.fails:
                raise CellFailed("told failed")
            return {"all": 0.5 + seed / 100, "old": 0.25}
        finally:
            with self._lock:
                self.at_once -= 1


class Threads(Workers):
    """Workers that carry runs out in threads of this process."""

    def __init__(self, jobs=1):
        super().__init__(ThreadPoolExecutor(jobs), {}, jobs)

    def submit(self, run, stop, retry_failed=False):
        return self.executor.submit(self._code, run, retry_failed)

    def _code(self, run, retry_failed):
        try:
            carry_out(run, retry_failed)
        except KeyboardInterrupt:
            return 130
        except CellFailed as error:
            return error.exit_code
        return 0


SIX = [{"strategy": strategy, "seed": seed} for strategy in ("sats", "mib") for seed in (0, 1, 2)]


def swept(folder, told, grid=SIX, jobs=1, **options):
    """Whether all runs of a sweep are done after it was carried out, and the sweep."""
    sweep = Sweep(told, grid, str(folder))
    return sweep.carry_out(Threads(jobs), **options), sweep
