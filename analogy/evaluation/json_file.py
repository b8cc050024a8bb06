"""Reading JSON that somebody wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from analogy.errors import AnalogyError, brief


def read_json(path) -> Any:
    """Read a JSON file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict, list, str, float, int, bool or None

    Raises
    ------
    AnalogyError
        If the file is missing, cannot be read, or is no JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise AnalogyError(f"{path}: no such file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise AnalogyError(f"{path}: cannot be read ({brief(error)}); give a JSON file") from None
    # Malformed JSON and numbers of too many digits are both ValueErrors; nesting can be too deep.
    except (ValueError, RecursionError) as error:
        raise AnalogyError(f"{path}: no JSON ({brief(error)}); mend the file") from None
