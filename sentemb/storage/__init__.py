"""Files that are there whole or not at all, that one process writes, and that are known again."""

from sentemb.storage.durable import replaced, sha256, sync, write_json, written
from sentemb.storage.folder import check_output, require_utf8, whole_folder
from sentemb.storage.json_lines import json_line
from sentemb.storage.lock import locked
from sentemb.storage.owned import claim, read_owned, remove_own, remove_tree

__all__ = [
    "check_output",
    "claim",
    "json_line",
    "locked",
    "read_owned",
    "remove_own",
    "remove_tree",
    "replaced",
    "require_utf8",
    "sha256",
    "sync",
    "whole_folder",
    "write_json",
    "written",
]
