import copy

import pytest
import torch
from sentence_transformers import SentenceTransformer

from sentemb import simcse_unsup
from sentemb.encoders import POOLINGS, build_encoder, describe
from sentemb.training.checkpoints import save_encoder

TEXTS = ["A short one.", "A rather longer sentence that needs many more tokens than the other."]


def expected(pooling, layers, features, encoder):
    """Pool the hidden states by hand."""
    mask = features["attention_mask"]

    def mean(hidden):
        weights = mask.unsqueeze(-1).float()
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1)

    cls = layers[-1][:, 0]
    return {
        "cls": lambda: torch.tanh(encoder[2].linear(cls)),
        "cls_before_pooler": lambda: cls,
        "mean": lambda: mean(layers[-1]),
        "weightedmean": lambda: torch.stack(
            [
                (torch.arange(1.0, n + 1) @ hidden[:n]) / (n * (n + 1) / 2)
                for hidden, n in zip(layers[-1], mask.sum(dim=1).tolist(), strict=True)
            ]
        ),
        "lasttoken": lambda: layers[-1][torch.arange(len(mask)), mask.sum(dim=1) - 1],
        "avg_top2": lambda: (mean(layers[-1]) + mean(layers[-2])) / 2,
        "avg_first_last": lambda: (mean(layers[1]) + mean(layers[-1])) / 2,
        "mask": lambda: layers[-1][features["input_ids"] == encoder.tokenizer.mask_token_id],
        "avg_embedding_last": lambda: (mean(layers[0]) + mean(layers[-1])) / 2,
    }[pooling]()


@pytest.mark.sampled
@pytest.mark.parametrize("pooling", POOLINGS)
def test_pooling_by_hand_and_after_a_plain_load(pooling, tmp_path):
    encoder = build_encoder("mini", pooling=pooling, device="cpu").eval()
    features = encoder.preprocess(TEXTS)
    with torch.no_grad():
        output = encoder[0].model(
            **{k: v for k, v in features.items() if k != "modality"}, output_hidden_states=True
        )
        by_hand = expected(pooling, output.hidden_states, features, encoder)
    ours = encoder.encode(TEXTS)
    torch.testing.assert_close(torch.from_numpy(ours), by_hand, rtol=0, atol=1e-6)
    save_encoder(encoder, tmp_path / "model")
    plain = SentenceTransformer(str(tmp_path / "model"), device="cpu").encode(TEXTS)
    assert abs(plain - ours).max() <= 1e-6


def test_a_trained_head_and_pooling_are_kept_when_loaded_without_naming_them(tmp_path):
    encoder = build_encoder("mini", pooling="cls", device="cpu")
    save_encoder(encoder, tmp_path / "model")
    again = build_encoder(tmp_path / "model", raw_pooling="mean", device="cpu")
    assert abs(again.encode(TEXTS) - encoder.encode(TEXTS)).max() <= 1e-6


def test_which_layers_are_averaged_does_not_train(all_bundled):
    encoder = build_encoder("mini", pooling="avg_first_last", device="cpu")
    assert not encoder[1].layer_weights.requires_grad
    assert encoder[1].layer_weights.tolist() == [0.0, 1.0, 0.0, 0.0, 1.0]


def test_embeddings_do_not_depend_on_padding(mini):
    alone = mini.encode(TEXTS[:1])
    beside = mini.encode(TEXTS)[:1]
    assert abs(alone - beside).max() < 1e-5


def test_no_pretrained_pooler_is_trained_or_saved(mini):
    assert mini[0].model.pooler is None
    assert not [name for name in copy.deepcopy(mini).state_dict() if "pooler" in name]


def test_another_pooling_keeps_the_length_of_a_trained_model(tmp_path):
    encoder = build_encoder("mini", pooling="cls", device="cpu")
    encoder.max_seq_length = 50
    save_encoder(encoder, tmp_path / "model")
    again = build_encoder(tmp_path / "model", pooling="mean", device="cpu")
    assert again.max_seq_length == 50
    assert describe(again) == "Transformer -> Pooling mean"


def test_simcse_unsup_has_one_head():
    assert simcse_unsup(build_encoder("mini", pooling="cls")).twin.projector is None
    assert simcse_unsup(build_encoder("mini", pooling="mean")).twin.projector is not None
