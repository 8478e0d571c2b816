"""``python -m sentemb`` is the command ``sentemb``, where it is not on the path."""

from importlib import import_module

if __name__ == "__main__":
    import_module("sentemb_cli.__main__").main()  # by name: the library knows no command line
