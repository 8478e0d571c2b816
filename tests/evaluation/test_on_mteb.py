"""A local task of MTEB, offline: the same Spearman as ours."""

import pytest

from sentemb import build_encoder, read_sts
from sentemb.bundled import bundled
from sentemb.errors import UsageError
from sentemb.evaluation.cache import EncodeCache
from sentemb.evaluation.on_mteb import MTEBModel


@pytest.fixture
def mteb():
    return pytest.importorskip("mteb", reason="the extra mteb is not installed")


@pytest.fixture
def local_task(mteb):
    import datasets
    from mteb.abstasks.sts import AbsTaskSTS
    from mteb.abstasks.task_metadata import TaskMetadata

    graded = read_sts(bundled("graded.tsv"))

    class Graded(AbsTaskSTS):
        metadata = TaskMetadata(
            name="Graded",
            description="The bundled graded pairs.",
            dataset={"path": "local/graded", "revision": "0"},
            type="STS",
            eval_langs=["eng-Latn"],
            main_score="cosine_spearman",
        )

        def load_data(self, **_):
            columns = {"sentence1": graded.sentences1, "sentence2": graded.sentences2}
            rows = datasets.Dataset.from_dict({**columns, "score": graded.scores})
            self.dataset = datasets.DatasetDict(test=rows)
            self.data_loaded = True

    return Graded(), graded


@pytest.mark.filterwarnings("ignore")  # mteb's own
def test_a_local_task_gives_our_spearman(mteb, local_task):
    task, graded = local_task
    encode = EncodeCache(build_encoder("mini-sentemb", device="cpu").encode)
    model = MTEBModel(encode, "sentemb/mini-sentemb")
    result = mteb.evaluate(model, task, cache=None, co2_tracker=False, show_progress_bar=False)
    (scores,) = result.task_results[0].scores["test"]
    assert 100 * scores["cosine_spearman"] == pytest.approx(graded(encode)["spearman"], abs=1e-4)
    assert 100 * scores["spearman"] == pytest.approx(graded(encode)["spearman"], abs=1e-4)
    assert result.model_name == "sentemb/mini-sentemb"


def test_a_name_without_owner_is_refused(mteb):
    with pytest.raises(UsageError, match="owner/name; got 'mine'"):
        MTEBModel(list, "mine")


def test_without_mteb_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "mteb.models", None)
    with pytest.raises(UsageError, match=r'pip install "mteb-core'):
        MTEBModel(list, "owner/mine")
