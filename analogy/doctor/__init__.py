"""Whether this machine can run a transfer: what is installed, what loads, and what it will take.

Every check tries the thing itself, says what it found, and, where it failed, what to do.
"""

from analogy.doctor.examination import examine, is_healthy
from analogy.doctor.finding import Finding

__all__ = ["Finding", "examine", "is_healthy"]
