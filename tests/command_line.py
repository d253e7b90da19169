"""What a wrong command line is answered with."""


def one_sentence(error):
    """The message of a wrong usage: a single line that begins with the command's name."""
    assert error.startswith("satkit: ")
    assert error.count("\n") == 1
    return error
