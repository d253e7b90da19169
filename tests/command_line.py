"""What a wrong command line is answered with."""

import re

PROGRESS = re.compile(r"\w[^:\n]*: (\d+ % \(.*\), about .* left|\d+ of \d+, took .*)\n")  # of what takes two seconds


def one_sentence(error):
    """The message of a wrong usage: a single line that begins with the command's name.

    Before it a slow machine may say how far it is with the data.
    """
    message = PROGRESS.sub("", error)
    assert message.startswith("satkit: ")
    assert message.count("\n") == 1
    return message
