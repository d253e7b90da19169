"""The README.md of an exported model: a model card, with the front matter that hubs of models read.

Names of classes, strategies and licences are somebody's own, so they are written as plain text: quoted as JSON in the
front matter, where that is valid YAML, and escaped in Markdown.
"""

import json
from string import Template

from satkit.evaluation.conventions import sentence
from satkit.experiments.settings import DRAWN
from satkit.utils.errors import UsageError, shown
from satkit.utils.names import is_control
from satkit.utils.tables import MARKDOWN_WIDTH, RIGHT, Column, Table, as_markdown, in_percent, wrapped

TAGS = ("image-segmentation", "semantic-segmentation", "continual-learning", "satkit")
NO_LICENCE = "Not stated. Whoever shares this model states one, with `license` in the lines above the title."
WITH_SATKIT = """\
import numpy as np
from PIL import Image

from satkit.experiments.model_places import find_model

model = find_model(".")  # the folder of this file; nothing in it is run
image = np.array(Image.open("image.png").convert("RGB"))
labels = model.predict(image)  # uint8 (height, width), as the evaluation predicts it; model.network is the torch module
print([model.about["classes"][index] for index in np.unique(labels)])
"""
WITH_SAFETENSORS = Template("""\
import json

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from satkit.models import build_segmenter

with open("config.json", encoding="utf-8") as file:  # in the folder of this file
    config = json.load(file)
network = build_segmenter(**config["model"])
network.load_state_dict(load_file("model.safetensors"))
network.eval()

picture = Image.open("image.png").convert("RGB")
${resize}pixels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
mean, deviation = (torch.tensor(config["preprocessing"][key]).view(3, 1, 1) for key in ("mean", "std"))
with torch.no_grad():
    output = network((pixels - 255 * mean) / (255 * deviation))
logits, labels = output.logits[0], output.classes()[0]  # (class, height, width) and (height, width)
print([config["classes"][index] for index in labels.unique().tolist()])
""")
RESIZE = """\
size, (width, height) = config["preprocessing"]["size"], picture.size
factor = size / min(width, height)  # the shorter side is resized to the crop
sides = max(size, int(factor * width)), max(size, int(factor * height))
picture = picture.resize(sides, Image.Resampling.BILINEAR)
"""
PREPARED = {
    "full": "An image is predicted as it is, at its own size.",
    "windows": "An image that is larger than $size pixels is predicted in windows of $size pixels that overlap by a "
    "third, with their logits averaged; the second example makes one forward pass instead.",
    "centre": "The shorter side of an image is resized to $size pixels. Scores are of the square in its centre; "
    "`satkit predict` predicts the whole image, in windows of $size pixels, and enlarges the labels to its own size. "
    "The second example makes one forward pass instead.",
}


def card(about: dict, licence: str = "") -> str:
    """The model card as Markdown.

    Args:
        about: What describes the model, see `SharedModel`.
        licence: As hubs name it, "mit" or "cc-by-4.0"; empty leaves it to whoever shares the model.

    Raises:
        UsageError: For a licence that is no line of text.
    """
    if any(map(is_control, licence)):
        raise UsageError(f"--license must be one line of text, got {shown(licence)}. Name one, such as mit.")
    trained = about["training"]
    name, task = as_markdown(trained["strategy"]["name"]), as_markdown(f"{trained['data']} {trained['task']}")
    parts = (
        front_matter(trained["data"], licence),
        f"# {name} on {task}, after step {about['step']}",
        _paragraph(_what(about)),
        "## Scores",
        _scores(about),
        "## Classes",
        _paragraph("In the order of learning. The value is that of a pixel in a mask, and the channel of the logits."),
        _classes(about),
        "## Use",
        "With satkit; `satkit predict . IMAGES --out FOLDER` does the same for a folder of images:",
        _code(WITH_SATKIT),
        "The weights as a plain file of safetensors:",
        _code(lines_with_safetensors(about["preprocessing"]["evaluation"])),
        "## Preparation of images",
        _paragraph(_prepared(about["preprocessing"])),
        "## Training",
        _training(about),
        "## Licence",
        _paragraph(as_markdown(licence) + "." if licence else NO_LICENCE),
    )
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def front_matter(data: str, licence: str = "") -> str:
    """What hubs read: YAML between two lines."""
    lines = ["library_name: satkit", "pipeline_tag: image-segmentation"]
    lines += [f"license: {_quoted(licence)}"] if licence else ["# license: not stated; set it before sharing"]
    lines += ["datasets:", f"- {_quoted(data)}", "metrics:", "- mean_iou", "tags:", *(f"- {tag}" for tag in TAGS)]
    return "\n".join(["---", *lines, "---"])


def lines_with_safetensors(evaluation: str) -> str:
    """Python that loads the weights without the rest of satkit's files, for a choice of `evaluation`."""
    return WITH_SAFETENSORS.substitute(resize=RESIZE if evaluation == "centre" else "")


def _what(about: dict) -> str:
    trained, last = about["training"], about["step"] + 1 == about["steps"]
    count, later = len(about["classes"]) - 1, sum(step > 0 for step in about["learnt_in"])
    steps = f"step {about['step']} of 0 to {about['steps'] - 1}" + (", the last one" if last else "")
    learnt = f"{count} classes and background" + (f", {later} of them after the base step" if later else "")
    return (
        f"A model for semantic segmentation, `{about['model']['backbone']}` with the all-MLP decoder, trained by "
        f"continual learning with satkit: {steps}; setting {as_markdown(trained['setting'])}. It knows {learnt}."
    )


def _scores(about: dict) -> str:
    scores, trained = about["scores"], about["training"]
    rows = [[f"{name} classes", scores[name]] for name in ("old", "new", "all")]
    rows += [[name, scores["iou"].get(name)] for name in about["classes"]]
    note = (
        f"Mean IoU in %, then IoU of every class, on the test images of {trained['data']} (data fingerprint "
        f"{trained['data_fingerprint'][:12]}). Old: classes of the base step; new: classes learnt later. "
        f"{sentence(trained['conventions'])} One seed ({trained.get('seed')})."
    )
    return Table([Column("classes"), Column("score", RIGHT, form=in_percent)], rows, note).markdown()


def _classes(about: dict) -> str:
    columns = [Column("value", RIGHT), Column("class"), Column("colour", markup=True), Column("learnt in step", RIGHT)]
    each = zip(about["classes"], about["colours"], about["learnt_in"], strict=True)
    return Table(
        columns, [[value, name, f"`{code}`", step] for value, (name, code, step) in enumerate(each)]
    ).markdown()


def _prepared(preprocessing: dict) -> str:
    how = Template(PREPARED[preprocessing["evaluation"]]).substitute(size=preprocessing["size"])
    means, deviations = (", ".join(map(str, preprocessing[key])) for key in ("mean", "std"))
    return f"RGB in [0, 1], less the mean ({means}), divided by the deviation ({deviations}). {how}"


def _training(about: dict) -> str:
    trained, machine = about["training"], about.get("machine") or {}
    start = trained.get("pretrained_weights") or "random weights"
    rows = [
        ["data set", trained["data"] + ("" if trained["data"] in DRAWN else ", which has a licence of its own")],
        ["task", trained["task"]],
        ["strategy", trained["strategy"]["name"]],
        ["preset", trained.get("preset")],
        ["seed", trained.get("seed")],
        ["backbone started from", trained.get("base_model", start)],
        ["made with", ", ".join(f"{key} {machine[key]}" for key in ("satkit", "torch", "timm") if key in machine)],
        ["sha256 of the weights", about["weights"]],
    ]
    note = "All settings are in config.json, under training."
    return Table([Column("setting"), Column("value")], rows, note).markdown()


def _code(lines: str) -> str:
    return f"```python\n{lines}```"


def _paragraph(text: str) -> str:
    return "\n".join(wrapped(text, MARKDOWN_WIDTH))


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
