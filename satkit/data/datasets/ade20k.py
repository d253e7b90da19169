"""ADE20K in the form of the scene parsing challenge of 2016 (Zhou et al., IJCV 127, 2019).

20,210 training and 2,000 test images; 150 classes. Label 0 is everything else: the published tables of MiB, PLOP, SSUL
and SATS count it as background, with 151 outputs; CoMFormer and ECLIPSE ignore it and have 150, so their scores cannot
be compared with the others. No pixel is IGNORE.
"""

from pathlib import Path

from satkit.data.labels import label_table
from satkit.data.reading.pairs import pair_files
from satkit.data.reading.reading import DataFiles, root_folder

# The first name of each class in objectInfo150.txt, which comes with the data.
NAMES = """
wall; building; sky; floor; tree; ceiling; road; bed; windowpane; grass; cabinet; sidewalk; person; earth; door;
table; mountain; plant; curtain; chair; car; water; painting; sofa; shelf; house; sea; mirror; rug; field; armchair;
seat; fence; desk; rock; wardrobe; lamp; bathtub; railing; cushion; base; box; column; signboard; chest of drawers;
counter; sand; sink; skyscraper; fireplace; refrigerator; grandstand; path; stairs; runway; case; pool table;
pillow; screen door; stairway; river; bridge; bookcase; blind; coffee table; toilet; flower; book; hill; bench;
countertop; stove; palm; kitchen island; computer; swivel chair; boat; bar; arcade machine; hovel; bus; towel;
light; truck; tower; chandelier; awning; streetlight; booth; television; airplane; dirt track; apparel; pole; land;
bannister; escalator; ottoman; bottle; buffet; poster; stage; van; ship; fountain; conveyer belt; canopy; washer;
plaything; swimming pool; stool; barrel; basket; waterfall; tent; bag; minibike; cradle; oven; ball; food; step;
tank; trade name; microwave; pot; animal; bicycle; lake; dishwasher; screen; blanket; sculpture; hood; sconce; vase;
traffic light; tray; ashcan; fan; pier; crt screen; plate; monitor; bulletin board; shower; radiator; glass; clock;
flag
"""
CLASS_NAMES = ("background", *(name.strip() for name in NAMES.replace("\n", " ").split(";")))
SOURCE = "http://sceneparsing.csail.mit.edu, ADEChallengeData2016.zip"
LAYOUT = """\
  ROOT/ADEChallengeData2016/    (or ROOT itself)
    images/training/            NAME.jpg
    images/validation/
    annotations/training/       NAME.png with the values 0 .. 150
    annotations/validation/"""


def find(root: str | Path = "") -> DataFiles:
    """The files of ADE20K; scores are computed on its validation images.

    Args:
        root: Folder of `LAYOUT`.

    Raises:
        UsageError: For a missing root.
    """
    folder = root_folder("ADE20K", root, LAYOUT, SOURCE)
    inner = folder / "ADEChallengeData2016"
    at = inner if inner.is_dir() else folder
    train, problems = pair_files(at / "images/training", at / "annotations/training")
    test, more = pair_files(at / "images/validation", at / "annotations/validation")
    labels = range(len(CLASS_NAMES))
    table = label_table({value: value for value in labels})
    pairs = tuple(train), tuple(test)
    return DataFiles("ade20k", folder, CLASS_NAMES, *pairs, table, frozenset(labels), (*problems, *more))
