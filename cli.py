import sys
from pathlib import Path

# The kernels of this checkout, whether they are installed or not.
sys.path.insert(1, str(Path(__file__).parent / "kernels"))

from analogy.cli.main import main

if __name__ == "__main__":
    main()
