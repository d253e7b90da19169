"""Names, JSON and files that somebody could give in order to break out, to run something, or to break a reader."""

import copy
import itertools
import json
import random

from satkit.utils.errors import UsageError

LONGEST = 900  # characters of a sentence with its path

BAD = (
    *("..", ".", "../../etc/passwd", "/etc/passwd", "a/b", "a\\b", "C:\\x", "C:x", "~root/x", "~"),
    *("\0", "a\nb", "\x1b[2J", "\u2028", "\u200f", "\u202egnp", "\ud800", " ", "a.", "a "),
    *(
        "CON",
        "nul.txt",
        "com1",
        "*",
        "?",
        "$(touch x)",
        "`id`",
        "%2e%2e%2f",
        "-rf",
        "x" * 300,
        "é" * 200,
        "..\\..",
        "\u2215",
        "",
    ),
)
AROUND = ("{}", "{}/x", "x/{}", "../{}", "{}.png", "x{}", "{}x", "{} + memory", "x/../{}", "/{}", "./{}", "{}\\", "-{}")
PATHS = tuple(dict.fromkeys(form.format(bad) for form, bad in itertools.product((*AROUND, "{}..", "..{}"), BAD)))

# Names that would be more than text in a page.
HTML = (
    "<script>window.hacked=1</script>",
    '" onmouseover="window.hacked=1',
    "' onfocus='window.hacked=1' autofocus='",
    "javascript:window.hacked=1",
    "{{7*7}}",
    "{% raw %}{{ config }}",
    "</style><img src=x onerror=window.hacked=1>",
    "</title></head><body onload=window.hacked=1>",
    "</td></tr></table><svg onload=window.hacked=1>",
    "<!-- a comment",
    "$x^2$",
    "&amp;",
    "&lt;b&gt;bold&lt;/b&gt;",
    "[a link](javascript:window.hacked=1)",
    "![picture](https://example.org/x.png)",
    "<https://example.org>",
    "**bold** _soft_ `code` ~~gone~~",
    "\u202egnp.exe",
    "a | b | c",
    "https://example.org www.example.org a@example.org",
    "</pre>\\<iframe src=javascript:window.hacked=1>",
)

# What stands where something else should: the tenth of each kind is enough to break a careless reader.
VALUES = (
    *(None, True, 0, -1, 10**4000, 1.5, "", "text", "x" * 100_000, [], {}, [[]], {"__class__": "os.system"}, ["a", 1]),
    *({"a": {"b": []}}, [None], [1e308], "\ud800", "../../etc/passwd", "<script>"),
)
TEXTS = (
    *(b"", b"{", b"[]", b"null", b"3", b'"text"', b"\xff\xfe{\x00}\x00", b"\x00" * 50, b"{'a': 1}", b'{"a": NaN}'),
    *(b'{"a": 1e999}', b'{"a": -Infinity}', b'{"a": ' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"a":' * 200 + b"1"),
    *(b'{"a":' * 150 + b"1" + b"}" * 150, b"{}", b'{"__class__": {"__init__": 1}}', b"\x80\x04K\x01.", b"{} {}"),
)


def refusal(reader, *arguments, errors=UsageError):
    """The words with which a reader refuses something, which are one line that somebody reads; "" if it does not."""
    said = ""
    try:
        reader(*arguments)
    except errors as error:
        said = str(error)
    assert len(said.splitlines()) < 2, said
    assert len(said) < LONGEST, said
    return said


def contents(sound, count=50, seed=0):
    """Texts of JSON files: some that are none, and then `sound` with one value, deep inside, changed to a hostile one.

    Every text is another one than that of `sound`.
    """
    made, chance = list(TEXTS), random.Random(seed)
    while len(made) < count:
        changed = copy.deepcopy(sound)
        place, key = chance.choice(list(_places(changed)))
        if chance.random() < 0.2 and isinstance(place, dict):
            del place[key]
        else:
            place[key] = chance.choice(VALUES)
        text = json.dumps(changed).encode()
        if changed != sound:
            made.append(text)
    return made


def _places(value):
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in list(keys):
        yield value, key
        yield from _places(value[key])
