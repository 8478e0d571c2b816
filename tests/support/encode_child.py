"""The command line with windows of few rows. Run as a child by test_encoding.py."""

import sys

from sentemb_cli.main import main

from sentemb.encoding import windows

if __name__ == "__main__":
    windows.ROWS = int(sys.argv.pop(1))
    main()
