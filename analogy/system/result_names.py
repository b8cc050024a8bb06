"""Names of the folders that results go into, made of the names of files."""

from __future__ import annotations

import hashlib

#: What no name may hold on some system that the folder may be copied to.
FORBIDDEN = frozenset('/\\:*?"<>|')

# A file system takes 255 bytes, of which a folder that is being written takes some for itself.
_MOST_BYTES = 200


def folder_name(*names: str) -> str:
    r"""Name a folder after files, whatever these are called.

    Characters that are not printed or that some system forbids become ``_``, and a name that is too
    long is cut and ends with a hash of all of it.

    Parameters
    ----------
    *names : str
        Names of the files, without their endings.

    Returns
    -------
    str
        The names with ``__`` between them.

    Examples
    --------
    >>> folder_name("castle", "church")
    'castle__church'
    >>> folder_name("4.42.48\u202fPM", ".what?")
    '4.42.48_PM__.what_'
    """
    whole = "__".join(names)
    name = "".join(
        letter if letter.isprintable() and letter not in FORBIDDEN else "_" for letter in whole
    )
    # Hidden on one system, cut off on another.
    return _shortened(name.lstrip(".").rstrip(" .") or "_", whole)


def _shortened(name, whole):
    if len(name.encode()) <= _MOST_BYTES:
        return name
    digest = hashlib.sha256(whole.encode(errors="surrogateescape")).hexdigest()[:8]
    start = name.encode()[: _MOST_BYTES - len(digest) - 1].decode(errors="ignore")
    return f"{start}_{digest}"
