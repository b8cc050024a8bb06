"""Where `Session` was before it moved; kept for programs that import it from here."""

from analogy.method.session import Session

__all__ = ["Session"]
