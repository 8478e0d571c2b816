"""Decoders of each kind, tiny, trained for a few steps once."""

import pytest

from sentemb.bundled import bundled
from sentemb.decoders import language_model, train_decoder

SHORT = {"max_steps": 4, "save_steps": 2, "batch_size": 8, "max_length": 24}


@pytest.fixture(scope="module", autouse=True)
def _tiny_language_models():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language_model, "LAYERS", 1)
        patch.setattr(language_model, "WIDEST", language_model.NARROWEST)
        yield


@pytest.fixture(scope="session")
def texts():
    lines = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if len(line.split()) <= 10][:60]


@pytest.fixture(scope="module")
def decoders(tmp_path_factory, texts, _bundle_tiny, _tiny_language_models):
    """Folders of trained decoders, by kind."""
    made = {}

    def of(kind):
        if kind not in made:
            made[kind] = tmp_path_factory.mktemp(kind) / "decoder"
            corrects = of("prefix") if kind == "corrector" else None
            run = train_decoder(
                "mini-sentemb", texts, made[kind], kind=kind, corrects=corrects, **SHORT
            )
            assert (run.steps, run.rows, run.held_out_rows) == (4, 59, 1)
        return made[kind]

    return of
