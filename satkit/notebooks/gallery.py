"""The gallery: every lesson executed, small enough to be read on a web page, with a thumbnail and links.

`satkit gallery` runs the lessons from their sources, first those that look at the kit's models, and then in an order
in which each model is trained once. It makes their pictures small, gives them alt texts, takes out whatever names the
machine, and measures the seconds. The code of a copy is that of its source.

Links to Colab and Binder, and a cell that installs satkit on Colab, need the address of the repository. They are
written once `REPOSITORY` is set, by `satkit gallery --links`.
"""

import base64
import contextlib
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from PIL import Image, ImageChops, ImageStat

from satkit.data.reading.store import cache_folder
from satkit.notebooks.alt_text import add_alt_texts, picture_outputs
from satkit.notebooks.finding import NotebookError, find_notebook, list_notebooks, number_of, promise
from satkit.notebooks.parameters import parameters
from satkit.notebooks.runner import run_notebook
from satkit.utils.assets import PACKAGE, asset
from satkit.utils.disk_places import home_or_temporary
from satkit.utils.errors import UsageError
from satkit.utils.files import read_json, replacing, write_json
from satkit.utils.images import opened_image
from satkit.utils.provenance import machine
from satkit.utils.saying import saying
from satkit.utils.seeding import best_device
from satkit.utils.tables import as_markdown
from satkit.utils.temporary_folders import temporary_folder

REPOSITORY = ""  # OWNER/NAME on GitHub; while it is empty, no link to Colab or Binder and no installing cell is written
BRANCH = "main"
TIMES = "times.json"
PAGE = "README.md"  # the page that shows the gallery, between two marks
MARKS = ("<!-- gallery -->\n", "\n<!-- /gallery -->")
OWN_PRESET = ("12_your_own_data",)  # too small a world for any other
LAST = ("06", "07", "13", "09", "10", "12")  # they train, or show what was trained; all others look at the kit's models
USUAL = 500_000  # bytes of a copy, if a coarser JPEG makes that possible
LARGEST = 800_000  # bytes of a copy or of a thumbnail
WIDTH = 360  # pixels of a thumbnail
QUALITIES = (95, 85, 75, 60)  # of a JPEG, ever coarser; below, lettering gets hard to read, as in a smaller picture
COLOURS = 256  # of a drawing or a thumbnail
ERROR = 2.0  # levels of 255 by which so few colours may change a drawing in the mean; what changes more is a photograph
KEEP = ("image/png", "text/plain", "text/markdown", "text/html")
INSTALL = """# Where satkit is missing, as on Colab, this installs it; elsewhere it does nothing.
from importlib.util import find_spec

if find_spec("satkit") is None:
    %pip install -q git+https://github.com/{repository}"""


def make_gallery(
    folder: str | Path,
    preset: str = "quick",
    only: Iterable[str] = (),
    pictures: bool = True,
    say: Callable[[str], None] = print,
) -> list[Path]:
    """Execute every lesson and write its copy, its thumbnail and its seconds into a folder; gives the files written.

    Args:
        preset: Of the lessons that have a preset.
        only: Names or numbers of the lessons; all of them if empty.
        pictures: False measures the seconds only.
        say: Called with a line after each lesson.

    Raises:
        NotebookFailed: If a lesson does not run.
        NotebookError: If a copy cannot be made small enough, or has no picture for a thumbnail.
    """
    folder = Path(folder).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    chosen = [find_notebook(name) for name in only] or list_notebooks()
    lessons = sorted(chosen, key=lambda path: LAST.index(number_of(path)) if number_of(path) in LAST else -1)
    written, seconds = [], {}
    with temporary_folder("gallery") as work, contextlib.chdir(work):
        for number, path in enumerate(lessons, start=1):
            values = {"preset": preset} if path.stem not in OWN_PRESET and "preset" in parameters(path) else {}
            with saying(f"{number} of {len(lessons)}: {path.stem} ..."):
                result = run_notebook(path, work / "executed" / path.name, values, env={"SATKIT_RUNS": "runs"})
            seconds[path.stem] = round(result.seconds, 1)
            say(f"{number} of {len(lessons)}: {path.stem}, {result.seconds:.0f} s")
            if pictures:
                written += _write_copy(result.output, folder, (str(work), os.path.realpath(work)))
    times = folder / TIMES
    known = read_json(times) if times.exists() else {}
    seconds = known.get(preset, {}).get("seconds", {}) | seconds
    measured = {"machine": machine(best_device()), "seconds": dict(sorted(seconds.items()))}
    write_json(times, {**known, preset: measured})
    return [*written, *(write_page(folder) if pictures else []), times]


def write_links(folder: str | Path) -> list[Path]:
    """Write again what no lesson has to run for: installing cells, alt texts, and the links of the page.

    Raises:
        UsageError: If there is no lesson in the folder.
    """
    copies, written = sorted(Path(folder).glob("*.ipynb")), []
    if not copies:
        raise UsageError(f"A gallery holds executed lessons, and {folder} holds none. Make it: satkit gallery.")
    for path in copies:
        notebook = read_json(path)
        _put_installing_cell(notebook)
        add_alt_texts(notebook)
        _write(path, notebook)
        written.append(path)
    return [*written, *write_page(folder)]


def write_page(folder: str | Path) -> list[Path]:
    """Write the table of the gallery between the marks of its page; gives the page, or nothing where there is none."""
    page, (begin, end) = Path(folder) / PAGE, MARKS
    if not page.exists():
        return []
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    with replacing(page) as temporary:
        temporary.write_text(before + begin + markdown(folder) + end + rest.partition(end)[2], encoding="utf-8")
    return [page]


def copy_of(executed: dict, work: Iterable[str] = ()) -> dict:
    """An executed notebook as the gallery has it: alt texts, no paths, no widgets' state, no marks of who executed it.

    Args:
        executed: The notebook as JSON.
        work: Folders that the notebook worked in; their names are taken out.
    """
    words = {f"{folder}/": "" for folder in work} | {folder: "." for folder in work} | _private_words()
    notebook = {**executed, "metadata": {"kernelspec": executed["metadata"]["kernelspec"]}}
    notebook["cells"] = cells = []
    for cell in executed["cells"]:
        tags = [tag for tag in cell["metadata"].get("tags", []) if tag != "injected-parameters"]
        if len(tags) < len(cell["metadata"].get("tags", [])):
            continue  # papermill's own cell
        cell = {**cell, "metadata": {"tags": tags} if tags else {}}
        if cell["cell_type"] == "code":
            cell["outputs"] = [_output(output, words) for output in cell["outputs"]]
        else:
            cell["source"] = relinked(cell["source"])
        cells.append(cell)
    _put_installing_cell(notebook)
    add_alt_texts(notebook)
    return notebook


def shrunk(notebook: dict, usual: int = USUAL, largest: int = LARGEST) -> dict:
    """A notebook whose pictures are made coarser, but not smaller, until its file has at most `usual` bytes.

    Raises:
        NotebookError: If it has more than `largest` bytes with the coarsest pictures.
    """
    for quality in QUALITIES:
        smaller = json.loads(json.dumps(notebook))
        for output, before in list(picture_outputs(smaller["cells"])):
            kind, data = _coarser(output["data"].pop(before), quality)
            output["data"][kind], output["metadata"] = data, {kind: output["metadata"][before]}
        size = len(_text(smaller).encode())
        if size <= usual:
            break
    if size <= largest:
        return smaller
    raise NotebookError(f"A copy in the gallery may have {largest} bytes, this one has {size}. Let it draw less.")


def thumbnail(notebook: dict, width: int = WIDTH) -> bytes:
    """A PNG of the picture of the cell tagged "thumbnail", or of the last picture there is.

    Raises:
        NotebookError: If there is no picture.
    """
    output, kind = _shown_first(notebook)
    with _opened(output["data"][kind]) as picture:
        picture = picture.convert("RGB")
        height = min(picture.height, round(0.75 * picture.width))  # of a tall picture its upper part
        picture = picture.crop((0, 0, picture.width, height))
        picture = picture.resize((width, round(width * height / picture.width)), Image.LANCZOS)
        return _saved(_few_colours(picture), "PNG", optimize=True)


def outside_links(name: str) -> list[str]:
    """Where a lesson opens outside, as Markdown: its copy on Colab, its source on Binder; none without a repository."""
    if not REPOSITORY:
        return []
    colab = f"https://colab.research.google.com/github/{REPOSITORY}/blob/{BRANCH}/assets/gallery/{name}.ipynb"
    binder = f"https://mybinder.org/v2/gh/{REPOSITORY}/{BRANCH}?urlpath=lab/tree/notebooks/{name}.ipynb"
    return [f"[Colab]({colab})", f"[Binder]({binder})"]


def markdown(folder: str | Path = "") -> str:
    """The table of the page: two lessons a row, each with its thumbnail, its promise and its links.

    Args:
        folder: With the copies, whose pictures lend the thumbnails their alt texts; by default the one of the kit.
    """
    cells = []
    for path in list_notebooks():
        name, copy = path.stem, (Path(folder) if folder else asset("gallery")) / path.name
        links = " · ".join([f"[read]({name}.ipynb)", *outside_links(name)])
        alt = _alt_of_thumbnail(copy) if copy.exists() else promise(path)
        cells.append(f"[![{alt}]({name}.png)]({name}.ipynb)<br>**{name}**<br>{promise(path)}<br>{links}")
    rows = [cells[first : first + 2] for first in range(0, len(cells), 2)]
    return "\n".join(["| | |", "|---|---|", *("| " + " | ".join(row) + " |" for row in rows)])


def _write_copy(executed: Path, folder: Path, work: Iterable[str]) -> list[Path]:
    notebook = copy_of(read_json(executed), work)
    picture, copy = folder / f"{executed.stem}.png", folder / executed.name
    with replacing(picture) as temporary:
        temporary.write_bytes(thumbnail(notebook))
    _write(copy, shrunk(notebook))
    return [copy, picture]


def _write(path: Path, notebook: dict) -> None:
    with replacing(path) as temporary:
        temporary.write_text(_text(notebook), encoding="utf-8")


def _text(notebook: dict) -> str:
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _output(output: dict, words: dict[str, str]) -> dict:
    """An output without private words and without what only a running kernel can show."""
    output = {key: value for key, value in output.items() if key != "transient"}
    if "data" in output:
        output["data"] = {kind: value for kind, value in output["data"].items() if kind in KEEP}
        alts = {kind: about.get("alt") for kind, about in output.get("metadata", {}).items() if kind in output["data"]}
        output["metadata"] = {kind: {"alt": alt} for kind, alt in alts.items() if alt}
    text = json.dumps(output)
    for private, word in words.items():
        text = text.replace(json.dumps(private)[1:-1], word)
    return json.loads(text)


def _private_words() -> dict[str, str]:
    """Paths of this machine, the longest first, and what stands for them."""
    root = PACKAGE.parent
    words = {
        sys.executable: "python",
        str(cache_folder()): "~/.cache/satkit",
        f"{root}/": "",
        str(home_or_temporary()): "~",
    }
    return dict(sorted(words.items(), key=lambda item: -len(item[0])))


def relinked(source: str | list[str]) -> list[str]:
    """Links to what lies beside the source, seen from the gallery."""
    text = re.sub(r"\]\((?!https?:|#|mailto:)([^)\s]+)\)", r"](../../notebooks/\1)", "".join(source))
    return text.splitlines(keepends=True)


def _shown_first(notebook: dict) -> tuple[dict, str]:
    """The output whose picture is the thumbnail, and the type of that picture."""
    tagged = [cell for cell in notebook["cells"] if "thumbnail" in cell["metadata"].get("tags", [])]
    found = list(picture_outputs(tagged)) or list(picture_outputs(notebook["cells"]))
    if not found:
        raise NotebookError("A notebook of the gallery must draw a picture for its thumbnail.")
    return found[-1]


def _alt_of_thumbnail(copy: Path) -> str:
    """The alt text of a copy's thumbnail, fit for a cell of a Markdown table."""
    output, kind = _shown_first(read_json(copy))
    alt = output.get("metadata", {}).get(kind, {}).get("alt", "")
    return as_markdown(re.sub(r"[\[\]|]", "", alt))


def _put_installing_cell(notebook: dict) -> None:
    """Put the installing cell in the second place, or take it away where no repository is set."""
    cells = [cell for cell in notebook["cells"] if "install" not in cell["metadata"].get("tags", [])]
    if REPOSITORY:
        source = INSTALL.format(repository=REPOSITORY).splitlines(keepends=True)
        install = {"cell_type": "code", "id": "install", "metadata": {"tags": ["install"]}, "execution_count": None}
        cells.insert(1, {**install, "outputs": [], "source": source})
    notebook["cells"] = cells


def _coarser(picture: str, quality: int) -> tuple[str, str]:
    """A drawing with few colours, anything else as a JPEG, of the same size: its type and its text."""
    with _opened(picture) as image:
        image = image.convert("RGB")
    drawing = _few_colours(image)
    if np.mean(ImageStat.Stat(ImageChops.difference(image, drawing.convert("RGB"))).mean) <= ERROR:
        return "image/png", base64.b64encode(_saved(drawing, "PNG", optimize=True)).decode()
    photograph = _saved(image, "JPEG", quality=quality, subsampling=0)  # lettering keeps its colours
    return "image/jpeg", base64.b64encode(photograph).decode()


def _opened(picture: str) -> AbstractContextManager[Image.Image]:
    """A picture of a notebook, of a safe size."""
    return opened_image(base64.b64decode(picture), "A picture of the notebook", ["PNG", "JPEG"])


def _few_colours(image: Image.Image) -> Image.Image:
    """A picture with a palette, exact if that is possible; an octree otherwise, which gives the smaller file."""
    method = Image.Quantize.FASTOCTREE if image.getcolors(COLOURS) is None else Image.Quantize.MEDIANCUT
    return image.quantize(COLOURS, method=method, dither=Image.Dither.NONE)


def _saved(image: Image.Image, kind: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, format=kind, **options)
    return stream.getvalue()
