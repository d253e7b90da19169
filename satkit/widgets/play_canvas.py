"""The playground in a notebook: the browser sends scenes, and the kernel what some models make of them.

The browser sends one edit at a time and keeps only the newest of those that wait; should an older one arrive after a
newer one all the same, it is not answered.
"""

from collections.abc import Callable

import traitlets

from satkit.widgets.canvas_script import playground_script, playground_style
from satkit.widgets.picture import Picture


class PlayCanvas(Picture):
    """A scene with the answers of some models; what the values hold is described in `play_messages`.

    Attributes:
        kit: What is the same for every scene; sent once.
        given: Background and first scene; sent when the kernel has chosen another scene.
        answer: To the last edit.
        note: What has been done with a file, in a sentence.
        trouble: What went wrong, in a sentence.
    """

    _esm = playground_script()
    _css = playground_style()
    png = traitlets.Bytes(b"")  # for the fallback, which has it from here
    kit = traitlets.Dict().tag(sync=True)
    given = traitlets.Dict().tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)
    note = traitlets.Unicode("").tag(sync=True)
    trouble = traitlets.Unicode("").tag(sync=True)

    def __init__(self, label: str, on_scene: Callable[[dict], None], on_file: Callable[[str, str, dict], None]):
        """A canvas that calls back.

        Args:
            on_scene: Gets an edited scene as plain values.
            on_file: Gets "save" or "load", the name of a file, and the scene as it is.
        """
        super().__init__(label)
        self._edited, self._filed = on_scene, on_file
        self.number = 0

    def _receive(self, _, event: dict, buffers) -> None:
        try:
            if event.get("kind") == "scene":
                number = int(event["number"])
                if number >= self.number:
                    self.number = number
                    self._edited(event["scene"])
            elif event.get("kind") in ("save", "load"):
                self._filed(event["kind"], str(event["name"]), event["scene"])
        finally:
            self.answers += 1
