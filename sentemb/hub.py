"""`push`: a model folder to the Hugging Face hub, without what belongs to this machine."""

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sentemb.cards import CARD, public_name
from sentemb.errors import StorageError, UsageError
from sentemb.locate import locate
from sentemb.table import Cell, Report, Table

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from sentemb.runs.run_result import RunResult

UPLOADED = (
    *(CARD, "LICENSE*", "*.json", "*.txt", "*.model", "*.safetensors", "*.jinja"),
    *("*.onnx", "*.onnx.data", "*.png", "*.svg"),
)
"""What a model folder has for others."""
LEFT_OUT = re.compile(r"\..*|checkpoints?|checkpoint-\d+|.*\.partial|metrics\.jsonl")
"""Files and folders of a run that are for this machine alone."""
RECORDS = ("run.json", "export.json", "postprocess.json")
NAMED_PATHS = {"config.json": ("_name_or_path",), "tokenizer_config.json": ("name_or_path",)}
"""Where libraries note the folder that a model was loaded from."""
WHOLE_PATH = re.compile(r"/|\.{1,2}/|~|[A-Za-z]:\\")
PATH_INSIDE = re.compile(r"(?<![^\s,;:='\"(])(?:~?/|[A-Za-z]:\\)[^\s,;'\")]+")
LOADED = re.compile(r'(SentenceTransformer\(|sentemb\.load\(|"text-classification", )"[^"]*"')
"""Where the example of a card names the model."""
NO_RIGHTS = (401, 403)
DECODER = "decoder.json"
"""Of a folder that `train_decoder` wrote."""


def push(
    model: "str | os.PathLike[str] | RunResult",
    repo: str,
    *,
    private: bool = False,
    message: str = "Upload a model with sentemb",
    token: str | None = None,
    dry_run: bool = False,
) -> Report:
    """Upload a model folder to the Hugging Face hub: its card, files and ``run.json``.

    Left out are checkpoints, logs and hidden files. In the uploaded records a path of this machine
    is its last name, and the card's example loads the model from the hub. The repository is made if
    it is not there; one commit has all files, or none.

    Args:
        model: A model folder, a bundled encoder, or what `train` or `finetune` returned.
        repo: ``user/name``, or ``name`` of your own.
        private: Make the repository private. One that exists and is public is rejected.
        message: Of the commit.
        token: For the hub; by default the one of ``hf auth login``, or of the variable HF_TOKEN.
        dry_run: Only say what would be uploaded; nothing is sent.

    Returns:
        A row for each file; the record has ``repo``, ``files``, and ``url`` and ``commit`` once
        they are uploaded.

    Raises:
        InputError: When the folder holds no model, or is unsafe.
        UsageError: When the repository's name cannot be one, there is no token, the hub is offline,
            or it refuses.
        StorageError: When the hub is not in reach, or the upload fails.
    """
    _check_repo(repo)
    folder = _folder(model)
    contents = _public_files(folder, repo)
    record: dict[str, Any] = {"repo": repo, "private": private, "dry_run": dry_run}
    if not dry_run:
        with _refusals(repo):
            api = _online(token)
            record["repo"] = named = _made(api, repo, private=private)
            contents = _public_files(folder, named)
            record["commit"] = _committed(api, named, contents, message)
            record["url"] = f"{api.endpoint}/{named}"
    record["files"] = [{"path": n, "bytes": _size(one)} for n, one in contents.items()]
    rows = [[one["path"], Cell(one["bytes"], f"{one['bytes']:,}")] for one in record["files"]]
    total = sum(one["bytes"] for one in record["files"])
    note = f"{len(rows)} files, {total:,} bytes for {repo}; nothing was uploaded"
    return Report(
        "push",
        record,
        [Table(["file", "bytes"], rows)],
        [note if dry_run else f"{len(rows)} files, {total:,} bytes: {record['url']}"],
    )


def _check_repo(repo: str) -> None:
    """Raise unless a repository can have this name; nothing is asked of the hub."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    try:
        validate_repo_id(repo)
    except (HFValidationError, TypeError) as error:
        raise UsageError(
            f"repo must be user/name, of at most 96 letters, digits, -, _ and ., got {repo!r}."
        ) from error


def _folder(model: "str | os.PathLike[str] | RunResult") -> Path:
    """Return the folder of a model of this machine."""
    from sentemb.bundled import BUNDLED_ENCODERS

    given = getattr(model, "output", model)
    if not isinstance(given, str | os.PathLike):
        raise UsageError(f"model must be a folder, or what `train` returned, got {model!r}.")
    if given not in BUNDLED_ENCODERS and not Path(given).exists():
        raise UsageError(f"No folder '{os.fspath(given)}': push uploads a model of this machine.")
    folder = Path(locate(given))
    if (folder / DECODER).is_file():
        raise UsageError(
            f"'{given}' is a decoder, which is not loaded from the hub: share its folder instead."
        )
    return folder


def _public_files(folder: Path, repo: str) -> dict[str, Path | bytes]:
    return {name: _contents(folder, name, repo) for name in sorted(_names(folder))}


def _names(folder: Path) -> Iterator[str]:
    """Give the files to upload, with / between their folders."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not LEFT_OUT.fullmatch(name)]
        for name in files:
            path = PurePosixPath((Path(place) / name).relative_to(folder).as_posix())
            if not LEFT_OUT.fullmatch(name) and any(map(path.match, UPLOADED)):
                yield str(path)


def _contents(folder: Path, name: str, repo: str) -> Path | bytes:
    """Return a file, or what is uploaded in its place."""
    path, file = folder / name, PurePosixPath(name).name
    if file == CARD:
        text = path.read_text(encoding="utf-8", errors="replace")
        own = repo if name == CARD else f"{repo}/{PurePosixPath(name).parent}"
        return LOADED.sub(rf'\1"{own}"', text).encode()
    if file not in RECORDS and file not in NAMED_PATHS:
        return path
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return path
    if file in RECORDS:
        after = _public(before)
    else:
        keys = NAMED_PATHS[file]
        after = {k: _public(v) if k in keys else v for k, v in before.items()}
    return path if after == before else (json.dumps(after, indent=2) + "\n").encode()


def _public(value: Any) -> Any:
    """Return a record with the last name of each path of this machine."""
    if isinstance(value, dict):
        return {name: _public(each) for name, each in value.items()}
    if isinstance(value, list):
        return [_public(each) for each in value]
    if not isinstance(value, str):
        return value
    if WHOLE_PATH.match(value) or ("/" in value and os.path.exists(value)):
        return _last_name(value)
    return PATH_INSIDE.sub(lambda found: _last_name(found[0]), value)


def _last_name(path: str) -> str:
    return public_name(path.replace("\\", "/"))


def _size(contents: Path | bytes) -> int:
    return len(contents) if isinstance(contents, bytes) else contents.stat().st_size


@contextmanager
def _refusals(repo: str) -> Iterator[None]:
    """Make one line of what goes wrong with the hub."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except UsageError:
        raise
    except HfHubHTTPError as error:
        code = getattr(error.response, "status_code", None)
        kind = UsageError if code in NO_RIGHTS else StorageError
        raise kind(f"The hub refuses to take '{repo}': {_first_line(error)}") from error
    except Exception as error:  # connections fail with a dozen unrelated types
        raise StorageError(f"'{repo}' could not be uploaded: {_first_line(error)}") from error


def _online(token: str | None) -> "HfApi":
    """Return the hub's interface.

    Raises:
        UsageError: When it must not be asked, or there is no token for it.
    """
    from huggingface_hub import HfApi, constants, get_token

    if constants.HF_HUB_OFFLINE:
        raise UsageError("The hub is offline (HF_HUB_OFFLINE is set): unset it to upload.")
    known = token or get_token()
    if not known:
        raise UsageError("No token for the hub: run `hf auth login`, or set HF_TOKEN.")
    return HfApi(token=known, library_name="sentemb")


def _committed(api: "HfApi", repo: str, contents: dict[str, Path | bytes], message: str) -> str:
    """Upload files in one commit; return its hash."""
    from huggingface_hub import CommitOperationAdd

    added = [CommitOperationAdd(name, one) for name, one in contents.items()]
    return str(api.create_commit(repo, added, commit_message=message).oid)


def _made(api: "HfApi", repo: str, *, private: bool) -> str:
    """Make the repository where there is none; return its full name.

    Raises:
        UsageError: When it is to be private, but exists and is public.
    """
    made = api.create_repo(repo, private=private or None, exist_ok=True)
    if private and not api.repo_info(made.repo_id).private:
        raise UsageError(
            f"Repository '{made.repo_id}' exists and is public: make it private on the hub, give "
            "another name, or leave `private` out."
        )
    return made.repo_id


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
