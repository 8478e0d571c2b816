"""What modules.json says: stock modules, in folders of the model."""

import re
from pathlib import Path
from typing import Any

from sentemb.errors import InputError
from sentemb.safety.file_names import inside, read_json
from sentemb.safety.trust import HINT, code_is_trusted

STOCK = re.compile(
    r"sentence_transformers\.((base|sentence_transformer)\.)?(modules|models)(\.\w+)?\."
    r"(Asym|BoW|CLIPModel|CNN|Dense|Dropout|LSTM|LayerNorm|Normalize|Pooling|Router"
    r"|StaticEmbedding|Transformer|WeightedLayerPooling|WordEmbeddings|WordWeights)"
)
TOKENIZERS = re.compile(r"sentence_transformers\.[\w.]*\.(Phrase|White[sS]pace|Word)Tokenizer")
ACTIVATIONS = re.compile(r"torch\.nn\.(modules\.(activation|linear)\.)?\w+")
ROUTERS = ("router_config.json", "config.json")


def folders_of(root: Path) -> list[Path]:
    """Return the folders that loading reads, the model's own first.

    Raises:
        InputError: When a module is not a stock module, or a path leads out; names the file.
    """
    file = root / "modules.json"
    if not file.is_file():
        return [root]
    modules, folders = read_json(file), [root]
    if not isinstance(modules, list) or not all(isinstance(each, dict) for each in modules):
        raise InputError(
            f"'{file}' is not a list of modules: the model is damaged, fetch it again."
        )
    for module in modules:
        check_type(module.get("type"), STOCK, file)
        folders.append(root / inside(module.get("path", ""), file))
    real = {folder.resolve() for folder in folders}
    for folder in folders:  # which grows: a router has modules in it, and one may be a router
        for routed in _routed(folder):
            if routed.resolve() not in real:  # links can lead in a circle
                real.add(routed.resolve())
                folders.append(routed)
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _routed(folder: Path) -> list[Path]:
    """Return the folders of a router's own modules."""
    found = []
    for name in ROUTERS:
        file = folder / name
        content: Any = read_json(file) if file.is_file() else {}
        types = content.get("types", {}) if isinstance(content, dict) else {}
        for path, kind in types.items() if isinstance(types, dict) else ():
            check_type(kind, STOCK, file)
            found.append(folder / inside(path, file))
    return found


def check_type(kind: object, allowed: re.Pattern[str], file: Path) -> None:
    """Raise unless a name stands for code of the libraries that is meant for it.

    Raises:
        InputError: When it stands for other code, and that is not trusted.
    """
    if isinstance(kind, str) and allowed.fullmatch(kind):
        return
    if not isinstance(kind, str) or not code_is_trusted():
        raise InputError(
            f"'{file}' asks for {kind!r}, not a module of sentence-transformers: it is not "
            f"run; {HINT}."
        )
