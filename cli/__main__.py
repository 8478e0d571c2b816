"""``python -m sentemb_cli`` is ``sentemb``: for launchers of several processes."""

from .entry import main

main()
