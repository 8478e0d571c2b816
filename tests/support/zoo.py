"""Model folders as people have them, tiny, with random weights: many families, and their quirks."""

# ruff: noqa: S105, S106 -- tokens of tokenizers are not passwords

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Router, Transformer
from sentence_transformers.sentence_transformer.modules import BoW, Pooling, StaticEmbedding
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from sentemb.bundled import bundled

WORDS = 700
"""Tokens of the vocabularies that are trained here."""
SIZE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
WIDE = SIZE | {"intermediate_size": 64}
LLAMA = WIDE | {"num_key_value_heads": 1, "max_position_embeddings": 256,
                "attention_dropout": 0.1}  # fmt: skip


def build(model: str, folder: Path, tokenizer: Any, **config: Any) -> None:
    """Write a raw transformers folder; weights are large enough for attention to attend."""
    torch.manual_seed(0)
    kind = model.removesuffix("Model").removesuffix("Encoder")
    ids = {f"{n}_token_id": getattr(tokenizer, f"{n}_token_id") for n in ("pad", "bos", "eos")}
    sizes = {"vocab_size": len(tokenizer)} | ids | config
    made = getattr(transformers, model)(getattr(transformers, f"{kind}Config")(**sizes))
    for parameter in made.parameters():
        if parameter.ndim > 1:
            torch.nn.init.normal_(parameter, std=0.2)
    made.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def wordpiece(**settings: Any) -> Any:
    """BERT's, with the vocabulary of the bundled encoder."""
    return AutoTokenizer.from_pretrained(bundled("mini"), **settings)


@cache
def _bytes_of(specials: tuple[str, ...]) -> str:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=WORDS, special_tokens=list(specials), initial_alphabet=alphabet
    )
    bpe.train_from_iterator(_sentences(), trainer)
    return str(bpe.to_str())


@cache
def _pieces_of(specials: tuple[str, ...]) -> str:
    unigram = Tokenizer(models.Unigram())
    unigram.normalizer = normalizers.NFKC()
    unigram.pre_tokenizer = pre_tokenizers.Metaspace()
    unk = next(token for token in specials if "unk" in token.lower())
    trainer = trainers.UnigramTrainer(
        vocab_size=WORDS, special_tokens=list(specials), unk_token=unk
    )
    unigram.train_from_iterator(_sentences(), trainer)
    return str(unigram.to_str())


@cache
def _sentences() -> tuple[str, ...]:
    return tuple(bundled("sentences.txt").read_text(encoding="utf-8").splitlines()[:400])


def fast(content: str, around: str | None = None, **specials: Any) -> PreTrainedTokenizerFast:
    """Wrap a tokenizer as transformers does; ``around`` is the template of a text."""
    own = Tokenizer.from_str(content)
    if around:
        tokens = [token for token in around.split() if token != "$A"]
        ids = [(token, own.token_to_id(token)) for token in dict.fromkeys(tokens)]
        pair = f"{around} {around.replace('$A', '$B')}"
        own.post_processor = processors.TemplateProcessing(around, pair, ids)
    return PreTrainedTokenizerFast(tokenizer_object=own, **specials)


def roberta_bytes(**settings: Any) -> Any:
    content = _bytes_of(("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    names |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    return fast(content, "<s> $A </s>", **names, **settings)


def roberta_pieces(**settings: Any) -> Any:
    content = _pieces_of(("<s>", "<pad>", "</s>", "<unk>", "<mask>"))
    names = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>"}
    names |= {"pad_token": "<pad>", "unk_token": "<unk>", "mask_token": "<mask>"}
    return fast(content, "<s> $A </s>", **names, **settings)


def bert_pieces(**settings: Any) -> Any:
    content = _pieces_of(("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"))
    names = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return fast(content, "[CLS] $A [SEP]", unk_token="[UNK]", mask_token="[MASK]", **names,
                **settings)  # fmt: skip


def t5_pieces(**settings: Any) -> Any:
    content = _pieces_of(("<pad>", "</s>", "<unk>"))
    names = {"pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
    return fast(content, "$A </s>", **names, **settings)


def gpt_bytes(**settings: Any) -> Any:
    end = "<|endoftext|>"
    return fast(_bytes_of((end, "<|im_end|>")), bos_token=end, eos_token=end, **settings)


def llama_pieces(**settings: Any) -> Any:
    content = _pieces_of(("<unk>", "<s>", "</s>"))
    names = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}
    return fast(content, "<s> $A", **names, **settings)


def bert(folder: Path, **config: Any) -> None:
    build("BertModel", folder, wordpiece(), **WIDE | {"max_position_embeddings": 128} | config)


def roberta(folder: Path) -> None:
    build("RobertaModel", folder, roberta_bytes(model_max_length=128), **WIDE,
          max_position_embeddings=130)  # fmt: skip


def roberta_without_a_limit(folder: Path) -> None:
    """As CodeBERT and PhoBERT: the tokenizer tells no model_max_length."""
    build("RobertaModel", folder, roberta_bytes(), **WIDE, max_position_embeddings=66)


def xlm_roberta(folder: Path) -> None:
    build("XLMRobertaModel", folder, roberta_pieces(), **WIDE, max_position_embeddings=66)


def distilbert(folder: Path) -> None:
    build("DistilBertModel", folder, wordpiece(), dim=32, n_layers=2, n_heads=2, hidden_dim=64,
          max_position_embeddings=64)  # fmt: skip


def electra(folder: Path) -> None:
    build("ElectraModel", folder, wordpiece(), **WIDE, embedding_size=16,
          max_position_embeddings=128)  # fmt: skip


def mpnet(folder: Path) -> None:
    build("MPNetModel", folder, roberta_pieces(model_max_length=512), **WIDE,
          max_position_embeddings=66)  # fmt: skip


def albert(folder: Path) -> None:
    build("AlbertModel", folder, bert_pieces(), **WIDE, embedding_size=16,
          hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
          max_position_embeddings=64)  # fmt: skip


def deberta(folder: Path) -> None:
    build("DebertaV2Model", folder, bert_pieces(), **WIDE, relative_attention=True,
          pos_att_type=["p2c", "c2p"], position_biased_input=False, share_att_key=True,
          position_buckets=8, max_relative_positions=-1, max_position_embeddings=64)  # fmt: skip


def modernbert(folder: Path) -> None:
    tokenizer = bert_pieces(model_max_length=128)
    ends = {"cls_token_id": tokenizer.cls_token_id, "sep_token_id": tokenizer.sep_token_id}
    build("ModernBertModel", folder, tokenizer, **WIDE, **ends, max_position_embeddings=128,
          attention_dropout=0.1, mlp_dropout=0.1, embedding_dropout=0.1)  # fmt: skip


def qwen2(folder: Path) -> None:
    tokenizer = gpt_bytes(pad_token="<|endoftext|>")
    build("Qwen2Model", folder, tokenizer, **LLAMA)


def gpt2(folder: Path) -> None:
    build("GPT2Model", folder, gpt_bytes(), n_embd=32, n_layer=2, n_head=2, n_positions=64)


def llama(folder: Path) -> None:
    build("LlamaModel", folder, llama_pieces(), **LLAMA)


def t5_encoder(folder: Path) -> None:
    build("T5EncoderModel", folder, t5_pieces(), d_model=32, d_kv=16, d_ff=64, num_layers=2,
          num_heads=2)  # fmt: skip


def clip(folder: Path) -> None:
    torch.manual_seed(0)
    tokenizer = fast(_bytes_of(("<s>", "<pad>", "</s>", "<unk>", "<mask>")), "<s> $A </s>",
                     bos_token="<s>", eos_token="</s>", pad_token="<pad>")  # fmt: skip
    text = WIDE | {"vocab_size": len(tokenizer), "max_position_embeddings": 40,
                   "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}  # fmt: skip
    vision = WIDE | {"image_size": 32, "patch_size": 16}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=16)
    transformers.CLIPModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def static(folder: Path) -> None:
    torch.manual_seed(0)
    own = Tokenizer.from_file(str(bundled("mini") / "tokenizer.json"))
    module = StaticEmbedding(own, embedding_dim=16)
    SentenceTransformer(modules=[module], device="cpu").save_pretrained(str(folder))


def bag_of_words(folder: Path) -> None:
    module = BoW(["man", "woman", "guitar", "playing"])
    SentenceTransformer(modules=[module], device="cpu").save_pretrained(str(folder))


def router(folder: Path) -> None:
    bert(folder / "raw")
    routes: dict[str, Any] = {
        name: [Transformer(str(folder / "raw")), Pooling(32, "mean")]
        for name in ("query", "document")
    }
    modules = [Router.for_query_document(routes["query"], routes["document"])]
    SentenceTransformer(modules=modules, device="cpu").save_pretrained(str(folder / "made"))
    shutil.rmtree(folder / "raw")
    for file in (folder / "made").iterdir():
        file.rename(folder / file.name)
    (folder / "made").rmdir()


def as_sentences(folder: Path, pooling: str = "mean", **settings: Any) -> None:
    """Make a sentence-transformers folder of a raw one, in its place."""
    raw = folder.rename(folder.with_name(f"{folder.name}-raw"))
    transformer = Transformer(str(raw))
    modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling)]
    SentenceTransformer(modules=modules, device="cpu", **settings).save_pretrained(str(folder))
    shutil.rmtree(raw)


def sentence_bert(folder: Path) -> None:
    bert(folder)
    as_sentences(folder)


def length_over_places(folder: Path) -> None:
    bert(folder)
    as_sentences(folder)
    change(folder / "sentence_bert_config.json", max_seq_length=512)
    change(folder / "tokenizer_config.json", model_max_length=512)


def prompts(folder: Path) -> None:
    bert(folder)
    as_sentences(folder, prompts={"query": "question: "}, default_prompt_name="query")


def left_padding(folder: Path) -> None:
    """Absolute positions, [CLS], and a tokenizer that pads on the left."""
    bert(folder)
    change(folder / "tokenizer_config.json", padding_side="left")
    as_sentences(folder, "cls")


def added_tokens(folder: Path) -> None:
    """Tokens added to the tokenizer, the table of embeddings not resized."""
    tokenizer = wordpiece()
    tokenizer.add_tokens(["wordemb"])
    build("BertModel", folder, tokenizer, **WIDE, max_position_embeddings=128,
          vocab_size=len(tokenizer) - 1)  # fmt: skip


def no_special_tokens(folder: Path) -> None:
    tokenizer = json.loads((bundled("mini") / "tokenizer.json").read_text(encoding="utf-8"))
    own = fast(json.dumps(tokenizer | {"post_processor": None}), unk_token="[UNK]",
               pad_token="[PAD]")  # fmt: skip
    build("BertModel", folder, own, **WIDE, max_position_embeddings=128)


def last_token(folder: Path) -> None:
    qwen2(folder)
    as_sentences(folder, "lasttoken")


def old_layout(folder: Path) -> None:
    """As sentence-transformers wrote until 2021: the transformer in a folder of its own."""
    bert(folder)
    as_sentences(folder)
    inner = folder / "0_Transformer"
    inner.mkdir()
    for file in list(folder.iterdir()):
        if file.is_file() and file.name not in (
            "modules.json",
            "config_sentence_transformers.json",
        ):
            file.rename(inner / file.name)
    modules = json.loads((folder / "modules.json").read_text())
    for module in modules:
        module["type"] = f"sentence_transformers.models.{module['type'].rpartition('.')[2]}"
    modules[0]["path"] = inner.name
    (folder / "modules.json").write_text(json.dumps(modules))
    (inner / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')


def classifier(folder: Path) -> None:
    torch.manual_seed(0)
    config = transformers.BertConfig(**WIDE, vocab_size=8192, max_position_embeddings=128)
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    wordpiece().save_pretrained(folder)


def half_precision(folder: Path) -> None:
    bert(folder)
    transformers.AutoModel.from_pretrained(folder).half().save_pretrained(folder)


def change(file: Path, **keys: Any) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps(content | keys), encoding="utf-8")


NO_TRANSFORMER = dict.fromkeys(("train", "static", "int8"), "needs a transformer")
NO_CLASSIFIER = {"finetune": "classification head"}
EVERYWHERE = ("info", "encode", "evaluate", "train", "finetune", "static", "int8")


@dataclass(frozen=True)
class Kind:
    """A model folder, and what commands answer to it.

    Args:
        build: Writes it.
        limit: Tokens that a text is cut to, where sentence-transformers finds another number.
        refused: What a command says that cannot take it; all others take it.
        blank: Whether its tokenizer makes a token of a blank text.
        options: Of ``train``.
    """

    build: Callable[..., None]
    limit: int | None = None
    refused: dict[str, str] = field(default_factory=dict)
    blank: bool = True
    options: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.build.__name__


CAUSAL = ("--pooling", "mean")
KINDS = [
    Kind(bert),
    Kind(sentence_bert),
    Kind(roberta),
    Kind(roberta_without_a_limit, 64),
    Kind(xlm_roberta, 64),
    Kind(distilbert),
    Kind(electra),
    Kind(mpnet, 64),
    Kind(albert),
    Kind(deberta),
    Kind(modernbert),
    Kind(qwen2, blank=False, options=CAUSAL),
    Kind(last_token, blank=False),
    Kind(gpt2, blank=False, options=CAUSAL),
    Kind(llama, options=CAUSAL),
    Kind(t5_encoder, refused=NO_CLASSIFIER),
    Kind(static, refused=NO_TRANSFORMER | NO_CLASSIFIER),
    Kind(bag_of_words, refused=NO_TRANSFORMER | NO_CLASSIFIER),
    Kind(router, refused=NO_TRANSFORMER | NO_CLASSIFIER),
    Kind(clip, refused=dict.fromkeys(EVERYWHERE, "image") | NO_CLASSIFIER),
    Kind(length_over_places, 128),
    Kind(prompts),
    Kind(left_padding),
    Kind(added_tokens, refused=dict.fromkeys(EVERYWHERE, "'wordemb' with the id 8,192")),
    Kind(no_special_tokens, blank=False),
    Kind(old_layout),
    Kind(classifier),
    Kind(half_precision),
]
