"""The playground on a plain page, see `canvas_page`, and a hand that drags in its scene."""

from canvas_page import open_canvas

TRAITS = ("kit", "given", "answer", "trouble", "note", "answers")


def open_playground(browser, play, **options):
    """A page with a playground on it, which has been answered once."""
    extra = "\nexport { paintedScene, decodedKit, historyOf, record, undo, redo };"
    page = open_canvas(browser, play.picture, TRAITS, extra, **options)
    page.wait_for_function("document.querySelector('.satkit-said').textContent !== ''")
    return page


def drag(page, begin, end, steps=6):
    """Drag with the mouse in the scene; places are shares of its width and height, from the left and from the top."""
    box = page.locator(".satkit-scene .satkit-box").bounding_box()
    (x, y), (to_x, to_y) = [
        (box["x"] + each[0] * box["width"], box["y"] + each[1] * box["height"]) for each in (begin, end)
    ]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to_x, to_y, steps=steps)
    page.mouse.up()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] - 30)


def settled(page):
    """Wait until the newest edit has been answered."""
    page.wait_for_function("document.querySelector('.satkit-play').getAttribute('aria-busy') === 'false'")
