"""What configs may not ask for: code, other models, other files, settings that unlock pickles."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sentemb.errors import InputError
from sentemb.safety.file_names import inside, read_json
from sentemb.safety.module_configs import ACTIVATIONS, TOKENIZERS, check_type
from sentemb.safety.trust import HINT, code_is_trusted

logger = logging.getLogger("sentemb")
READ = re.compile(r"([\w-]+_)?config(_sentence_transformers)?\.json")
WHOSE = ("model", "tokenizer", "processor", "config")
ARGUMENTS = {f"{whose}_{kind}" for whose in WHOSE for kind in ("args", "kwargs")}
HARMLESS = {
    *("add_pooling_layer", "attn_implementation", "do_lower_case", "dtype", "max_length"),
    *("low_cpu_mem_usage", "model_max_length", "padding_side", "reference_compile"),
    *("torch_dtype", "truncation_side", "use_fast"),
}
"""What a config may hand to the loaders; ``weights_only`` and its like unlock pickles there."""
METHODS = re.compile(r"forward|get_[a-z]+_features")
OUTPUTS = re.compile(r"[a-z]\w*")
"""What sentence-transformers may call on a model and read off its output, by a folder's config."""
FILES = ("merges_file", "sentencepiece_model_file", "spm_file", "vocab_file")
"""Not tokenizer_file and special_tokens_map_file: many a tokenizer has left its author's there."""
ELSEWHERE = ("tokenizer_name_or_path", "cache_dir")
KERNELS = ("attn_implementation", "experts_implementation")
"""Also with what transformers puts around these names: ``_attn_implementation_internal``."""
CLASSES = {"activation_function": ACTIVATIONS, "tokenizer_class": TOKENIZERS}
"""Names of classes, imported where there is a dot in them; transformers' own have none."""


def check_configs(folder: Path) -> None:
    """Raise where a config of a folder asks for what it may not.

    Raises:
        InputError: When one does; names the file and the key.
    """
    adapter = folder / "adapter_config.json"
    if adapter.is_file():
        raise InputError(
            f"'{adapter}' makes this an adapter of another model: merge it into that model first."
        )
    for file in sorted(file for file in folder.glob("*.json") if READ.fullmatch(file.name)):
        content = read_json(file)
        if isinstance(content, dict):
            check_config(file, content)
        elif file.name == "config.json":
            raise InputError(f"'{file}' holds no JSON object: the model is damaged; fetch it.")


def check_config(file: Path, content: dict[str, Any]) -> None:
    """Raise where a config asks for what it may not.

    Args:
        file: It is from.
        content: Of it.

    Raises:
        InputError: When it does; names the file and the key.
    """
    for key, value in _everywhere(content):
        if key == "auto_map" and value and not code_is_trusted():
            raise InputError(
                f"'{file}' names code of the model's own (auto_map), which is not run; {HINT}. "
                "Or take the key out: transformers' own code may do."
            )
        if key == "trust_remote_code" and value:
            logger.warning("%s: trust_remote_code is ignored there: only you can allow code.", file)
        if any(name in key for name in KERNELS) and "/" in str(value):
            raise InputError(f"'{file}' has {key} fetch code of the hub, {value!r}: take it out.")
        if key == "transformers_weights" and value is not None:
            raise InputError(
                f"'{file}' names a file of weights, {value!r} (transformers_weights). Only "
                "model.safetensors and its index are read: rename the file if it is a safetensors "
                "file, and remove the key."
            )
    for key in FILES:
        if content.get(key) is not None:
            inside(content[key], file)
    if file.name.startswith("sentence_"):
        _check_arguments(file, content)
        _check_methods(file, content.get("modality_config"))
    for key, allowed in CLASSES.items():
        if "." in str(content.get(key)):
            check_type(content[key], allowed, file)


def _check_arguments(file: Path, content: dict[str, Any]) -> None:
    for key in ELSEWHERE:
        if content.get(key) is not None:
            raise InputError(f"'{file}' has {key} lead elsewhere, {content[key]!r}: take it out.")
    for name in sorted(ARGUMENTS & content.keys()):
        given = content[name] if isinstance(content[name], dict) else {str(content[name]): None}
        other = sorted(given.keys() - HARMLESS - {"trust_remote_code"})
        if other and not code_is_trusted():
            raise InputError(
                f"'{file}' hands {other[0]!r} to the loader ({name}); a model may only set "
                f"{', '.join(sorted(HARMLESS))}: take it out."
            )


def _check_methods(file: Path, modalities: Any) -> None:
    """Raise where a config names a method to call that does not embed, as ``push_to_hub``."""
    for entry in modalities.values() if isinstance(modalities, dict) else ():
        given = entry if isinstance(entry, dict) else {}
        method, output = given.get("method", "forward"), given.get("method_output_name")
        names = output if isinstance(output, list) else [] if output is None else [output]
        if not METHODS.fullmatch(str(method)) or not all(
            isinstance(name, int) or OUTPUTS.fullmatch(str(name)) for name in names
        ):
            raise InputError(
                f"'{file}' has the method {str(method)!r} called on the model and {output!r} read "
                "from the result (modality_config). Allowed are forward and get_…_features, and "
                "names of outputs such as last_hidden_state: the model is damaged or unsafe."
            )


def _everywhere(content: Any) -> Iterator[tuple[str, Any]]:
    """Yield the keys and values of all objects in a config, at every depth."""
    waiting = [content]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield from value.items()
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
