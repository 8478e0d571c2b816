"""Files that are there whole or not at all, and that one process writes."""

from sentemb.storage.durable import replaced, sha256, sync
from sentemb.storage.folder import check_output, require_utf8, whole_folder
from sentemb.storage.json_lines import json_line
from sentemb.storage.lock import locked

__all__ = [
    "check_output",
    "json_line",
    "locked",
    "replaced",
    "require_utf8",
    "sha256",
    "sync",
    "whole_folder",
]
