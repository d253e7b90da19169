"""Every module has a test file of the same name in the same folder, so that one finds what is asked of it."""

from pathlib import Path

import satkit

ROOT, TESTS = Path(satkit.__file__).parent, Path(__file__).parent
# Modules whose behaviour is asked for elsewhere, and where.
ELSEWHERE = {
    "__main__.py": "cli/test_exit_codes.py starts it as a process",
}


def test_every_module_has_a_test_file_of_its_own_or_is_listed_with_a_reason():
    modules = [path.relative_to(ROOT) for path in ROOT.rglob("*.py") if path.name != "__init__.py"]
    without = {path.as_posix() for path in modules if not (TESTS / path.with_name(f"test_{path.name}")).exists()}
    assert without == set(ELSEWHERE)
