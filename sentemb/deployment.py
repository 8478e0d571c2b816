"""`export`, `faster`, `postprocess`: what is made of a trained encoder, with data of any kind."""

import json
import logging
import os
from collections.abc import Iterable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sentemb.bundled import BUNDLED_STATIC, bundled
from sentemb.datasets import as_sts, read_texts
from sentemb.datasets.source import as_source
from sentemb.datasets.texts import texts_without_blanks
from sentemb.errors import UsageError
from sentemb.inference.card_texts import EXPORT, POSTPROCESS
from sentemb.storage import check_output
from sentemb.values import require_kind

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from sentemb.datasets.in_memory import Container
    from sentemb.evaluation import STS

    Data = str | os.PathLike[str] | Container

logger = logging.getLogger("sentemb")
FAST = Literal["static", "int8"]
COST = (
    "fast: %s in place of %s: Spearman %.2f -> %.2f on %s, %d -> %d numbers, %.1f times the "
    "sentences a second on one thread of a CPU. Kept in %s"
)


def export(
    model: "str | os.PathLike[str] | SentenceTransformer",
    output: str | os.PathLike[str],
    *,
    static: bool = False,
    int8: bool = False,
    sts: "Data | STS | None" = None,
    dim: int | None = None,
    texts: "Data | None" = None,
    data: "Data | None" = None,
    column: str = "text",
    overwrite: bool = False,
) -> dict[str, Any]:
    """Make an encoder smaller and faster, as ``sentemb export`` does; return ``export.json``.

    Args:
        model: A bundled encoder, a folder, a hub id or a `SentenceTransformer`, which stays.
        output: Folder to write.
        static: A vector a token, whose mean a text is; or
        int8: an ONNX file in 8-bit integers, which needs the extra ``int8``.
        sts: Graded pairs that both are compared on; by default the bundled ones.
        dim: Numbers of a vector of ``static``; 0 keeps all. By default 256, with ``data`` 240.
        texts: What the tokens of ``static`` are counted in; by default Zipf's law.
        data: Texts whose vectors ``static`` is trained to have; see `sentemb.words.tokenlearn`.
        column: The column of ``texts`` or ``data`` that holds them.
        overwrite: Replace an earlier export in the folder.

    Raises:
        UsageError: When not exactly one of ``static`` and ``int8`` is given.
        InputError: When the model or the data cannot be read.
    """
    if static == int8:
        raise UsageError(
            "`static` or `int8`, not both." if static else "Give one of `static` and `int8`."
        )
    if int8 and any(given is not None for given in (dim, texts, data)):
        raise UsageError(
            "`dim`, `texts` and `data` are for `static`: they have no effect beside `int8`."
        )
    if texts is not None and data is not None:
        raise UsageError("`texts` or `data`, not both: tokens are counted in `data`.")
    folder = Path(output)
    check_output(folder, EXPORT, overwrite=overwrite)
    task = _graded(sts)
    counted: tuple[str, Iterable[str]] | None = None
    if texts is not None:
        given = as_source(texts, name="texts")
        counted = str(given), read_texts(given, column)
    from sentemb.inference.export import export_int8, export_static

    if int8:
        return export_int8(model, folder, task, overwrite=overwrite)
    learn = None
    if data is not None:
        from sentemb.words import tokenlearn

        given = as_source(data)
        learned = partial(tokenlearn, texts=texts_without_blanks(given, column), dim=dim)
        learn = Path(str(given)).name, learned
    return export_static(model, folder, task, dim, counted, learn=learn, overwrite=overwrite)


def faster(model: str | os.PathLike[str], kind: FAST) -> Path:
    """Return the folder of an export of a model, which is made once and kept in the cache.

    What it costs and gains, by the bundled graded pairs, is logged each time. The static model of
    ``mini-sentemb`` is the bundled ``tiny``.

    Args:
        model: A bundled encoder, a folder or a hub id.
        kind: ``static``, a vector a token, whose mean a text is; or ``int8``, which needs the extra
            of this name.

    Raises:
        UsageError: When there is no such kind, or the extra is not installed.
        InputError: When the model cannot be read.
    """
    require_kind("fast", kind, FAST)
    is_bundled = kind == "static" and model in BUNDLED_STATIC
    folder = bundled(BUNDLED_STATIC[str(model)]) if is_bundled else _kept(model, kind)
    record = json.loads((folder / EXPORT).read_text(encoding="utf-8"))
    before, after = record["before"], record["after"]
    logger.info(
        COST,
        *(kind, os.fspath(model), before["spearman"], after["spearman"], record["task"]),
        *(before["dim"], after["dim"]),
        after["sentences_per_second"] / before["sentences_per_second"],
        folder,
    )
    return folder


def _kept(model: str | os.PathLike[str], kind: FAST) -> Path:
    """Return the folder of an export in the cache, where it is made if it is not there."""
    from huggingface_hub import cached_assets_path

    from sentemb.encoding.fingerprint import fingerprint
    from sentemb.inference.torch_only import load_encoder

    known = f"{kind}-{version('sentemb')}-{fingerprint(load_encoder(model, 'cpu'))[:32]}"
    folder = cached_assets_path("sentemb", namespace="fast", subfolder=known)
    if not (folder / EXPORT).is_file():
        export(model, folder, static=kind == "static", int8=kind == "int8")
    return folder


def postprocess(
    model: "str | os.PathLike[str] | SentenceTransformer",
    output: str | os.PathLike[str],
    *,
    whiten: bool = False,
    remove_top: int | None = None,
    dims: int | None = None,
    data: "Data | None" = None,
    column: str = "text",
    sts: "Data | STS | None" = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Whiten vectors, or remove their top components, as ``sentemb postprocess`` does.

    Args:
        model: A bundled encoder, a folder, a hub id or a `SentenceTransformer`, which stays.
        output: Folder to write, a plain sentence-transformers model.
        whiten: Centre, turn and scale so that the covariance is the identity; or
        remove_top: subtract the mean and so many components of most variance.
        dims: Components that ``whiten`` keeps; by default all in which vectors vary.
        data: Texts that the map is fitted to; by default the bundled ones.
        column: The column of ``data`` that holds them.
        sts: Graded pairs that both are compared on; by default the bundled ones.
        overwrite: Replace an earlier postprocess in the folder.

    Returns:
        What ``postprocess.json`` holds.

    Raises:
        UsageError: When not exactly one of ``whiten`` and ``remove_top`` is given.
        InputError: When the model or the data cannot be read.
    """
    if whiten == (remove_top is not None):
        raise UsageError(
            "`whiten` or `remove_top`, not both."
            if whiten
            else "Give one of `whiten` and `remove_top`."
        )
    if dims is not None and not whiten:
        raise UsageError("`dims` is for `whiten`: it has no effect beside `remove_top`.")
    folder = Path(output)
    check_output(folder, POSTPROCESS, overwrite=overwrite)
    task = _graded(sts)
    if data is None:
        logger.info("fitted to: bundled sentences.txt")
    given = as_source(bundled("sentences.txt") if data is None else data)
    texts = texts_without_blanks(given, column)
    from sentemb.geometry.whitening import all_but_the_top, whitening
    from sentemb.inference.postprocess import postprocess as run

    fit = (
        partial(whitening, dims=dims)
        if remove_top is None
        else partial(all_but_the_top, components=remove_top)
    )
    return run(
        model,
        folder,
        fit,
        (Path(str(given)).name, texts),
        task,
        how="whiten" if whiten else "remove-top",
        overwrite=overwrite,
    )


def _graded(sts: "Data | STS | None") -> "STS":
    """Read the graded pairs that both are compared on; the bundled ones where none are given."""
    if sts is None:
        logger.info("graded pairs: bundled graded.tsv")
    task = as_sts(bundled("graded.tsv") if sts is None else sts, "sts")
    if getattr(task, "ungraded", 0):
        logger.info("%s: %d rows without a score left out", task.name, task.ungraded)
    return task
