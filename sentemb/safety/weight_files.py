"""Weights: safetensors only, as long as their headers say. Pickles run code when they are read."""

import json
from pathlib import Path

from sentemb.errors import InputError
from sentemb.safety.file_names import inside, read_json

LARGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""
WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
PICKLED = (".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib")
READ_IF_ALONE = ("pytorch_model.bin", "pytorch_model.bin.index.json")
"""What the libraries read where the safetensors of their names are missing."""


def check_weights(folders: list[Path]) -> None:
    """Raise unless all the weights of a model are whole safetensors.

    A pickle beside them is nobody's business: it is not read.

    Raises:
        InputError: When they are not; names the file.
    """
    for folder in folders:
        if (folder / INDEX).is_file():
            _check_index(folder / INDEX)
        if not any((folder / name).is_file() for name in (WEIGHTS, INDEX)):
            _refuse([folder / name for name in READ_IF_ALONE])
    stored = [file for folder in folders for file in sorted(folder.glob("*.safetensors"))]
    if not stored:
        _refuse([file for folder in folders for file in sorted(folder.iterdir())
                 if file.suffix.lower() in PICKLED])  # fmt: skip
    for file in stored:
        check_safetensors(file)


def stored_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of every tensor that loading a folder reads; headers alone are read.

    Raises:
        InputError: When a file is cut short or its header is damaged.
    """
    files = {folder / WEIGHTS}
    if not (folder / WEIGHTS).is_file():
        index = read_json(folder / INDEX) if (folder / INDEX).is_file() else {"weight_map": {}}
        files = {folder / str(shard) for shard in index["weight_map"].values()}
    shapes: dict[str, tuple[int, ...]] = {}
    for file in sorted(files):
        shapes |= check_safetensors(file)
    return shapes


def _refuse(pickles: list[Path]) -> None:
    for file in pickles:
        if file.is_file():
            raise InputError(
                f"'{file}' is a pickle, and reading one can run any code: only safetensors are "
                "read. Ask its author for model.safetensors, or convert it where you trust it."
            )


def check_safetensors(file: Path) -> dict[str, tuple[int, ...]]:
    """Raise unless a file is as long as its header says; return the shapes of its tensors.

    Raises:
        InputError: When it is not, or the header is invalid; names the file.
    """
    size = file.stat().st_size
    with file.open("rb") as stored:
        length = int.from_bytes(stored.read(8), "little")
        if length > LARGEST_HEADER:
            raise InputError(
                f"'{file}' announces a header of {length:,} bytes; at most {LARGEST_HEADER:,} are "
                "allowed: the file is damaged or unsafe, fetch the model again."
            )
        if size < 8 + length:
            raise InputError(
                f"'{file}' is cut short: {size:,} bytes, and its header alone has {8 + length:,}. "
                "Fetch the model again."
            )
        header = stored.read(length)
    try:
        tensors = json.loads(header)
        tensors.pop("__metadata__", None)
        data = max((tensor["data_offsets"][1] for tensor in tensors.values()), default=0)
        expected = 8 + length + int(data)
        shapes = {name: tuple(map(int, tensor["shape"])) for name, tensor in tensors.items()}
    except (ValueError, TypeError, AttributeError, LookupError, RecursionError) as error:
        raise InputError(f"'{file}' is not safetensors: its header is damaged.") from error
    if size != expected:
        raise InputError(
            f"'{file}' has {size:,} bytes where its header says {expected:,}: it is cut short or "
            "damaged, fetch the model again."
        )
    return shapes


def _check_index(file: Path) -> None:
    content = read_json(file)
    shards = content.get("weight_map") if isinstance(content, dict) else None
    if not isinstance(shards, dict):
        raise InputError(f"'{file}' has no weight_map: the model is damaged.")
    for shard in {str(shard) for shard in shards.values()}:
        if not inside(shard, file).endswith(".safetensors"):
            raise InputError(f"'{file}' names '{shard}': only safetensors are read.")
        if not (file.parent / shard).is_file():
            raise InputError(f"'{file}' names '{shard}', which is not there: fetch it again.")
