"""The exception types that the command turns into a message instead of a traceback."""


class ExportError(Exception):
    """Something the user can fix: the text says what is wrong and what to do about it."""


class UsageError(ExportError):
    """The command line is wrong, not the model."""
