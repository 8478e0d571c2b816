"""Views and losses by name: listed, shown, and run in any cross."""

import json

import pytest
from sentemb_cli.options_of_signatures import options_of_method

from sentemb import losses, views
from sentemb.jobs.job_options import OF_LOSS, OF_VIEWS
from sentemb.notation import LOSSES, STAGES, make_view
from sentemb.signatures import METHODS
from sentemb.views import EDA, Crop, EmbeddingDropout, FeatureCutoff, TokenShuffle, View

NAMES = [name for members in STAGES.values() for name in members]
FEW = ("--batch-size", 8, "--max-steps", 2)


def ok(process):
    assert process.returncode == 0, process.stderr.decode()
    return process


def test_every_view_and_contrastive_loss_has_a_name():
    types = {"Draws", "Edit", "Order", "Perturbation", "Synonyms", "TokenEdit", "View", "WordNet"}
    types |= {"TokenTemplate"}  # of the encoder's own tokens
    named = {name for members in STAGES.values() for name in members.values()}
    assert named == set(views.__all__) - types - {"row_key"}
    others = {
        "EachSentence",
        "Guided",
        "Loss",
        "MaskSimilar",
        "Matryoshka",
        "RowLoss",
        "Sum",
        "Term",
        "WithScore",
    }
    assert set(LOSSES.values()) == set(losses.__all__) - others


@pytest.mark.parametrize(
    ("words", "view"),
    [
        ("clean", View()),
        ("crop", View(edit=Crop())),
        ("crop:0.5", View(edit=Crop(0.5))),
        ("feature-cutoff:rate=0.3", View(perturb=FeatureCutoff(0.3))),
        (
            "shuffle+embedding-dropout:0.1",
            View(order=TokenShuffle(), perturb=EmbeddingDropout(0.1)),
        ),
    ],
)
def test_words_into_views(mini, words, view):
    assert make_view(words, mini) == view


def test_eda_from_words(mini):
    edit = make_view("eda:0.3,keep-negations=yes", mini).edit
    assert isinstance(edit, EDA)
    assert (edit.alpha, edit.keep_negations) == (0.3, True)
    assert edit.synonyms("two")


def test_every_option_of_a_method_belongs_to_a_part():
    """Or --view and --loss would leave it without effect in silence."""
    of_twins = {"momentum", "queue_size", "projection", "prototypes", "frozen_steps"}
    of_twins |= {"teacher", "match", "second_teacher", "first_share"}
    of_twins |= {"margin", "relative_margin"}  # of the guide, around any --loss
    of_twins |= {"group_width", "sizes", "bank_size", "crops"}
    of_towers = {"network", "size", "frames", "stem", "width", "depth", "tower_pooling", "dim"}
    of_towers |= {"freeze", "text_rate", "outline", "crop", "control", "hub", "text_temperature"}
    of_towers |= {"queries", "caption_layers", "caption_length", "joined"}
    of_sums = {"caption_weight"}  # take no --loss
    of_sums |= {"contrast_weight", "dimension_temperature", "dimension_weight"}
    of_sums |= {"ranking", "consistency_weight", "ranking_weight", "most", "margin_weight"}
    options = {p.name for method in METHODS for p in options_of_method(method)}
    assert options == {"dropout"} | of_twins | of_sums | of_towers | {*OF_VIEWS} | {*OF_LOSS}


def test_replaced_options_are_not_recorded(sentemb, tmp_path):
    ok(sentemb("train", "--method", "crop", "--view", "shuffle", *FEW, "-o", "out"))
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["method_options"] == {"temperature": 0.05}


def test_the_list_has_every_name(sentemb):
    text = ok(sentemb("views")).stdout.decode()
    assert all(f"  {name} " in text for name in [*NAMES, *LOSSES])
    content = json.loads(ok(sentemb("views", "--json")).stdout)
    assert content["schema"] == "sentemb.views/1"
    assert content["Edits of words"][0]["options"] == {"rate": 0.1}


def test_what_each_view_does_is_shown(sentemb):
    sentence = "a man is not playing the guitar near a big house"
    process = ok(sentemb("views", sentence, "--json", "--seed", 3))
    rows = {row["view"]: row for row in json.loads(process.stdout)["views"]}
    assert set(rows) == {"clean", *NAMES} - {"adversarial", "supervised-adversarial"}
    assert rows["clean"]["shown"] == sentence
    assert rows["clean"]["cosine"] == 1
    assert "·" in rows["token-cutoff"]["shown"]
    assert (
        sorted(rows["shuffle"]["shown"].split()[:13])
        == sorted(["[CLS]", *sentence.split(), "[SEP]"])[:13]
    )
    assert rows["crop"]["shown"] in sentence
    assert all(0 < row["cosine"] <= 1.0001 for row in rows.values())
    assert sentemb("views", sentence, "--json", "--seed", 3).stdout == process.stdout


def test_a_rate_too_small_for_the_sentence_is_told(sentemb):
    text = ok(sentemb("views", "a man", "--view", "token-cutoff:0.1")).stdout.decode()
    assert "rate × length is below 1" in text


CROSSED = [
    ("--view", "shuffle", "--view", "feature-cutoff:0.2"),
    ("--view", "eda:0.2"),
    ("--view", "subword-repetition", "--view", "adversarial:0.5"),
]


def crosses():
    """Return all, with a mark on those that `make test` leaves out: each name is in one of four."""
    losses = ("infonce", "ntxent", "flatnce", "barlow-twins")
    for i, loss in enumerate(losses):
        for j, crossed in enumerate(CROSSED):
            marks = () if i % len(CROSSED) == j else pytest.mark.long
            yield pytest.param(loss, crossed, marks=marks, id=f"{loss} {' '.join(crossed)}")


@pytest.mark.sampled
@pytest.mark.parametrize(("loss", "crossed"), list(crosses()))
def test_any_cross_trains(sentemb, tmp_path, loss, crossed):
    ok(sentemb("train", *crossed, "--loss", loss, *FEW, "-o", "out"))
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["loss"].startswith(LOSSES[loss])
    assert len(record["views"]) == 2
    assert (tmp_path / "out/modules.json").is_file()


def test_two_views_of_four_are_each_for_two(sentemb, tmp_path):
    words = ("--view", "clean", "--view", "supervised-adversarial:0.5")
    ok(sentemb("train", "--method", "consert-sup", *words, *FEW, "-o", "out"))
    assert json.loads((tmp_path / "out/run.json").read_text())["views"] == [
        "sentence1",
        "sentence2",
        "sentence1, SupervisedAdversarial(norm=0.5)",
        "sentence2, SupervisedAdversarial(norm=0.5)",
    ]


@pytest.mark.sampled
@pytest.mark.parametrize(
    "method", ["consert", "consert-sup", "esimcse", "eda", "crop", "supcon", "cosent"]
)
def test_every_method_runs_with_nothing_else_given(sentemb, method, tmp_path):
    ok(sentemb("train", "--method", method, *FEW))
    settings = json.loads((tmp_path / f"runs/{method}/run.json").read_text())["settings"]
    assert settings["warmup"] == (0.1 if "consert" in method else 0.0)
    text = ok(sentemb("train", "--method", method, "--help")).stdout.decode()
    assert f"Options of {method}" in text
