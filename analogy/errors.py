"""The one exception that reaches the user."""


class AnalogyError(Exception):
    """Something the user can mend; its message is one line saying what is wrong and what to do."""


def explained(error: BaseException) -> str:
    """One line of whatever ended a transfer."""
    if isinstance(error, AnalogyError):
        return str(error)
    if isinstance(error, MemoryError):
        return "memory ran out; try a smaller --ratio"
    if has_no_cache(error):
        return (
            "compiled kernels can be kept neither beside the program nor in a home; "
            "name a folder that can be written, as by NUMBA_CACHE_DIR=/var/tmp/numba"
        )
    if isinstance(error, OSError):
        return f"{error.filename or 'the system'}: {error.strerror or error}"
    return f"{type(error).__name__}: {brief(error)}"


def has_no_cache(error: BaseException) -> bool:
    """Whether Numba ended because it found no folder to keep compiled kernels in."""
    return isinstance(error, RuntimeError) and "no locator available" in str(error)


def brief(reason: object, length: int = 200) -> str:
    """One short printable line of an exception, or of what a file says, for a message.

    What stands in a file may be of any length, or move the terminal's cursor.
    """
    # More than is shown, as runs of blanks become one; megabytes need not be looked through.
    text = " ".join(str(reason)[: 8 * length].split()) or type(reason).__name__
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    return text if len(text) <= length else f"{text[: length - 3]}..."
