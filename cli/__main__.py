"""What ``sentemb`` runs first: it imports next to nothing, so an interrupt is caught at once.

``python -m sentemb_cli`` and ``python -m sentemb`` are the same, for launchers of processes.
"""

import os
import sys


def main() -> None:
    """Run the command line; an interrupt while it is imported is one line and exit code 130."""
    try:
        from .main import main as run

        run()
    except KeyboardInterrupt:
        os.write(2, b"error: interrupted\n")
        sys.exit(130)


if __name__ == "__main__":
    main()
