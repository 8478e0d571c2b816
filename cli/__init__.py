"""The command line of sentemb, installed as ``sentemb_cli``; nothing imports it."""
