"""The one exception that reaches the user."""


class AnalogyError(Exception):
    """Something the user can mend; its message is one line saying what is wrong and what to do."""
