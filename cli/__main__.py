"""``python -m sentemb_cli`` is ``sentemb``: for launchers of several processes."""

from .main import main

main()
