"""Model folders that try to run code, read elsewhere or exhaust memory. Canary files at most.

Each builder gets a folder that holds a working model, and the canary's path: a file that is there
afterwards says that code ran.
"""

import json
import os
import pickle
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

CODE = """
from pathlib import Path
Path({canary!r}).write_text("code of the model ran")
from transformers import BertConfig, BertModel, BertTokenizerFast
class Config(BertConfig):
    model_type = "theirs"
class Model(BertModel):
    config_class = Config
class Module(BertModel):
    pass
"""


class Bomb:
    """A pickle that writes the canary when it is read."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.write_text, (self.canary, "a pickle was read")


def change(file: Path, **keys: object) -> None:
    content = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(content | keys))


def bomb(file: Path, canary: Path) -> None:
    file.write_bytes(pickle.dumps(Bomb(canary)))


def torch_bomb(file: Path, canary: Path) -> None:
    torch.save({"embeddings.word_embeddings.weight": Bomb(canary)}, file)


def module(folder: Path, **keys: object) -> None:
    file = folder / "modules.json"
    modules = json.loads(file.read_text())
    modules[-1] |= keys
    file.write_text(json.dumps(modules))


def code(folder: Path, canary: Path) -> None:
    (folder / "custom_code.py").write_text(CODE.format(canary=str(canary)))


def os_system(folder: Path, canary: Path) -> None:
    module(folder, type="os.system", path=f"touch {canary}")


def popen(folder: Path, canary: Path) -> None:
    module(folder, type="subprocess.Popen", path="")


def own_module(folder: Path, canary: Path) -> None:
    code(folder, canary)
    module(folder, type="custom_code.Module")


def auto_map(folder: Path, canary: Path) -> None:
    code(folder, canary)
    change(folder / "config.json", model_type="theirs", auto_map={
        "AutoConfig": "custom_code.Config", "AutoModel": "custom_code.Model"})  # fmt: skip


def auto_map_of_a_tokenizer(folder: Path, canary: Path) -> None:
    code(folder, canary)
    change(folder / "tokenizer_config.json", tokenizer_class="Theirs",
           auto_map={"AutoTokenizer": ["custom_code.BertTokenizerFast", None]})  # fmt: skip


def pickled_weights(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch_bomb(folder / "pytorch_model.bin", canary)


def pickled_weights_unlocked(folder: Path, canary: Path) -> None:
    pickled_weights(folder, canary)
    change(folder / "sentence_bert_config.json", model_args={"weights_only": False})


def unlocked_beside_safetensors(folder: Path, canary: Path) -> None:
    torch_bomb(folder / "pytorch_model.bin", canary)
    arguments = {"weights_only": False, "use_safetensors": False}
    change(folder / "sentence_bert_config.json", model_args=arguments)


def pickled_head(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").unlink()
    bomb(folder / "model_head.pkl", canary)


def dense(folder: Path, activation: str) -> Path:
    """Add a linear layer without weights; returns its folder."""
    head = folder / "2_Dense"
    head.mkdir()
    change(head / "config.json", in_features=128, out_features=8, activation_function=activation)
    modules = json.loads((folder / "modules.json").read_text())
    kind = "sentence_transformers.models.Dense"
    modules.append({"idx": 2, "name": "2", "path": head.name, "type": kind})
    (folder / "modules.json").write_text(json.dumps(modules))
    return head


def pickled_module(folder: Path, canary: Path) -> None:
    head = dense(folder, "torch.nn.modules.linear.Identity")
    torch_bomb(head / "pytorch_model.bin", canary)


def activation(folder: Path, canary: Path) -> None:
    code(folder, canary)
    head = dense(folder, "custom_code.Module")
    weights = {"linear.weight": torch.zeros(8, 128), "linear.bias": torch.zeros(8)}
    save_file(weights, head / "model.safetensors")


def activation_alone(folder: Path, canary: Path) -> None:
    activation(folder, canary)
    (folder / "2_Dense/config.json").write_text('{"activation_function": "custom_code.Module"}')


def routed_module(folder: Path, canary: Path) -> None:
    code(folder, canary)
    module(folder, type="sentence_transformers.base.modules.router.Router", path="1_Pooling")
    change(folder / "1_Pooling/router_config.json",
           types={"query": "custom_code.Module"}, structure={}, parameters={})  # fmt: skip


def router_in_a_router(folder: Path, **types: str) -> Path:
    """Put a router into a router in place of the last module; returns the inner one's folder."""
    kind = "sentence_transformers.base.modules.router.Router"
    module(folder, type=kind, path="2_Router")
    for place, content in (("2_Router", {"inner": kind}), ("2_Router/inner", types)):
        (folder / place).mkdir()
        change(folder / place / "router_config.json",
               types=content, structure={}, parameters={})  # fmt: skip
    return folder / "2_Router/inner"


def module_routed_twice(folder: Path, canary: Path) -> None:
    code(folder, canary)
    router_in_a_router(folder, query="custom_code.Module")


def pickle_routed_twice(folder: Path, canary: Path) -> None:
    inner = router_in_a_router(folder, query="sentence_transformers.models.Dense")
    (inner / "query").mkdir()
    change(inner / "query/config.json", in_features=128, out_features=8)
    torch_bomb(inner / "query/pytorch_model.bin", canary)


def link_out(folder: Path, canary: Path) -> None:
    elsewhere = canary.with_name("elsewhere.json")
    (folder / "tokenizer.json").rename(elsewhere)
    (folder / "tokenizer.json").symlink_to(elsewhere)


def folder_link_out(folder: Path, canary: Path) -> None:
    elsewhere = canary.with_name("elsewhere")
    (folder / "1_Pooling").rename(elsewhere)
    (folder / "1_Pooling").symlink_to(elsewhere, target_is_directory=True)


def path_up(folder: Path, canary: Path) -> None:
    (folder / "1_Pooling").rename(folder.with_name("1_Pooling"))
    module(folder, path="../1_Pooling")


def absolute_path(folder: Path, canary: Path) -> None:
    elsewhere = canary.with_name("elsewhere")
    (folder / "1_Pooling").rename(elsewhere)
    module(folder, path=str(elsewhere))


def shard_up(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").rename(folder.with_name("elsewhere.safetensors"))
    weights = {"embeddings.word_embeddings.weight": "../elsewhere.safetensors"}
    change(folder / "model.safetensors.index.json", metadata={"total_size": 1}, weight_map=weights)


def pickled_shard(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").unlink()
    torch_bomb(folder / "shard.bin", canary)
    weights = {"embeddings.word_embeddings.weight": "shard.bin"}
    change(folder / "model.safetensors.index.json", metadata={"total_size": 1}, weight_map=weights)


def vocabulary_elsewhere(folder: Path, canary: Path) -> None:
    change(folder / "tokenizer_config.json", vocab_file="/etc/passwd")


def tokenizer_elsewhere(folder: Path, canary: Path) -> None:
    elsewhere = canary.with_name("elsewhere")
    elsewhere.mkdir()
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (elsewhere / name).write_bytes((folder / name).read_bytes())
    change(folder / "sentence_bert_config.json", tokenizer_name_or_path=str(elsewhere))


def kernel(folder: Path, canary: Path) -> None:
    change(folder / "config.json", attn_implementation="someone/attention")


def kernel_within(folder: Path, canary: Path) -> None:
    change(folder / "config.json", _attn_implementation_internal="someone/attention")


def adapter(folder: Path, canary: Path) -> None:
    change(folder / "adapter_config.json", base_model_name_or_path="someone/model")


def huge_header(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 10_000_000_000) + b"{}")


def truncated(folder: Path, canary: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1000])


def damaged_header(folder: Path, canary: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes().replace(b'"data_offsets"', b'"data_offsetz"', 1))


def deep_config(folder: Path, canary: Path) -> None:
    (folder / "config.json").write_text('{"a":' * 100_000 + "1" + "}" * 100_000)


def endless_layers(folder: Path, canary: Path) -> None:
    change(folder / "config.json", num_hidden_layers=10**12)


def words_by_code(folder: Path, canary: Path) -> None:
    code(folder, canary)
    change(folder / "1_Pooling/wordembedding_config.json",
           tokenizer_class="custom_code.Module", update_embeddings=False)  # fmt: skip
    module(folder, type="sentence_transformers.models.WordEmbeddings")


def words_by_code_alone(folder: Path, canary: Path) -> None:
    words_by_code(folder, canary)
    config = folder / "1_Pooling/wordembedding_config.json"
    config.write_text('{"tokenizer_class": "custom_code.Module"}')


def weights_by_config(folder: Path, canary: Path) -> None:
    torch_bomb(folder / "adapter_model.bin", canary)
    change(folder / "config.json", transformers_weights="adapter_model.bin")


def safetensors_by_config(folder: Path, canary: Path) -> None:
    (folder / "model.safetensors").rename(folder / "other.safetensors")
    change(folder / "config.json", transformers_weights="other.safetensors")


def method(folder: Path, name: str, output: object) -> None:
    modality = {"text": {"method": name, "method_output_name": output}}
    change(folder / "sentence_bert_config.json",
           modality_config=modality, module_output_name="token_embeddings")  # fmt: skip


def method_that_uploads(folder: Path, canary: Path) -> None:
    method(folder, "push_to_hub", "last_hidden_state")


def method_that_writes(folder: Path, canary: Path) -> None:
    method(folder, "save_pretrained", "last_hidden_state")


def method_of_python(folder: Path, canary: Path) -> None:
    method(folder, "__class__", "last_hidden_state")


def output_of_python(folder: Path, canary: Path) -> None:
    method(folder, "forward", ["__class__", "__init__"])


def pipe(folder: Path, canary: Path) -> None:
    (folder / "tokenizer_config.json").unlink()
    os.mkfifo(folder / "tokenizer_config.json")


@dataclass(frozen=True)
class Case:
    """A folder, and the file that the refusal must name."""

    build: Callable[[Path, Path], None]
    named: str

    @property
    def name(self) -> str:
        return self.build.__name__


CASES = [
    Case(os_system, "modules.json"),
    Case(popen, "modules.json"),
    Case(own_module, "modules.json"),
    Case(routed_module, "router_config.json"),
    Case(module_routed_twice, "router_config.json"),
    Case(auto_map, "config.json"),
    Case(auto_map_of_a_tokenizer, "tokenizer_config.json"),
    Case(pickled_weights, "pytorch_model.bin"),
    Case(pickled_weights_unlocked, "sentence_bert_config.json"),
    Case(unlocked_beside_safetensors, "sentence_bert_config.json"),
    Case(pickled_head, "model_head.pkl"),
    Case(pickled_module, "pytorch_model.bin"),
    Case(pickle_routed_twice, "pytorch_model.bin"),
    Case(pickled_shard, "model.safetensors.index.json"),
    Case(shard_up, "model.safetensors.index.json"),
    Case(link_out, "tokenizer.json"),
    Case(folder_link_out, "1_Pooling"),
    Case(path_up, "modules.json"),
    Case(absolute_path, "modules.json"),
    Case(vocabulary_elsewhere, "tokenizer_config.json"),
    Case(tokenizer_elsewhere, "sentence_bert_config.json"),
    Case(kernel, "config.json"),
    Case(kernel_within, "config.json"),
    Case(adapter, "adapter_config.json"),
    Case(huge_header, "model.safetensors"),
    Case(truncated, "model.safetensors"),
    Case(damaged_header, "model.safetensors"),
    Case(deep_config, "config.json"),
    Case(activation, "config.json"),
    Case(activation_alone, "config.json"),
    Case(words_by_code, "wordembedding_config.json"),
    Case(words_by_code_alone, "wordembedding_config.json"),
    Case(endless_layers, "config.json"),
    Case(pipe, "tokenizer_config.json"),
    Case(weights_by_config, "config.json"),
    Case(safetensors_by_config, "config.json"),
    Case(method_that_uploads, "sentence_bert_config.json"),
    Case(method_that_writes, "sentence_bert_config.json"),
    Case(method_of_python, "sentence_bert_config.json"),
    Case(output_of_python, "sentence_bert_config.json"),
]
