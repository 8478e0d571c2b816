"""Pictures of some models' geometry; needs matplotlib."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from sentemb.geometry.analysis import Analysis
from sentemb.geometry.corpus import Corpus
from sentemb.geometry.energy import BINS as ENERGY_BINS
from sentemb.geometry.energy import Energies
from sentemb.geometry.scatter import draw_map
from sentemb.plotting.style import COLOURS, names_of, panels, save, styled

logger = logging.getLogger("sentemb")
BINS = 40
DASHES = ("-", "--", "-.", ":")
"""Lines of models that are alike lie on each other."""


def draw(folder: Path, found: Mapping[str, Analysis], corpus: Corpus, temperature: float) -> None:
    """Write ``alignment_uniformity.png``, ``cosines.png``, ``spectrum.png`` and ``map.png``.

    Where no pair counts as positive there is no alignment, and the first is left out. Where
    energies were measured, ``energy.png`` is added.
    """
    with styled():
        if all("alignment" in each.measures for each in found.values()):
            _alignment_uniformity(folder / "alignment_uniformity.png", found, corpus)
        else:
            logger.warning(
                "No pair of %s is graded above %g, so there is no alignment and no picture of it.",
                corpus.task.name,
                corpus.task.positive_above,
            )
        _cosines(folder / "cosines.png", found, corpus)
        _spectrum(folder / "spectrum.png", found, corpus)
        draw_map(folder / "map.png", found, corpus)
        if energies := {name: each.energies for name, each in found.items() if each.energies}:
            _energies(folder / "energy.png", energies, temperature)


def _alignment_uniformity(path: Path, found: Mapping[str, Analysis], corpus: Corpus) -> None:
    figure, (axis,) = panels(1, width=6.4, height=4.4)
    for name, (label, colour, marker) in names_of(list(found)).items():
        x, y, score = (
            found[name].measures[key].value for key in ("uniformity", "alignment", "spearman")
        )
        label = f"{label}, Spearman × 100: {score:.1f}"
        axis.plot(x, y, marker, color=colour, markersize=10, label=label)
    measures = next(iter(found.values())).measures
    axis.set_xlabel(f"uniformity of {measures['uniformity'].n:,} sentences (smaller is better)")
    axis.set_ylabel(f"alignment of {measures['alignment'].n:,} pairs (smaller is better)")
    axis.set_title(f"Alignment against uniformity, {corpus.task.name}")
    axis.margins(0.2)
    figure.legend(loc="outside lower center", ncols=1)
    save(figure, path)


def _cosines(path: Path, found: Mapping[str, Analysis], corpus: Corpus) -> None:
    figure, axes = panels(len(found), alike=True)
    lowest = min(np.concatenate([a.random, a.positive]).min() for a in found.values())
    bins = np.linspace(lowest, 1, BINS + 1)
    names = names_of(list(found))
    for axis, (name, each) in zip(axes, found.items(), strict=True):
        for values, colour, words in (
            (each.random, COLOURS[0], "random pairs"),
            (each.positive, COLOURS[1], f"graded above {corpus.task.positive_above:g}"),
        ):
            if len(values):
                label = f"{words}, n = {len(values):,}, mean {values.mean():.2f}"
                weights = np.full(len(values), 100 / len(values))
                axis.hist(values.clip(-1, 1), bins, weights=weights, color=colour, alpha=0.25)
                axis.hist(
                    values.clip(-1, 1), bins, weights=weights, color=colour, histtype="step",
                    linewidth=1.5, label=label,
                )  # fmt: skip
        axis.set_title(names[name][0])
        axis.set_xlabel("cosine of a pair")
        axis.set_ylabel("share of pairs (%)")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=9)
    figure.suptitle(f"Cosines of sentence pairs, {corpus.task.name}")
    save(figure, path)


def _spectrum(path: Path, found: Mapping[str, Analysis], corpus: Corpus) -> None:
    figure, (axis,) = panels(1, width=6.4, height=4.6)
    for i, (name, (label, colour, _)) in enumerate(names_of(list(found)).items()):
        values = found[name].spectrum
        rank = found[name].measures["effective_rank"].value
        shown = values[values > 1e-6 * values[0]] / values[0]
        label = f"{label}, effective rank {rank:.0f} of {found[name].dim}"
        axis.plot(
            np.arange(1, len(shown) + 1), shown, DASHES[i % len(DASHES)], color=colour,
            linewidth=2, label=label,
        )  # fmt: skip
    axis.set_yscale("log")
    axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("component, the largest first")
    axis.set_ylabel("singular value / the largest")
    n = len(corpus.sentences)
    axis.set_title(f"Spectrum of {n:,} centred unit vectors, {Path(corpus.name).name}")
    axis.set_xlim(left=0)
    figure.legend(loc="outside lower center", ncols=1)
    save(figure, path)


def _energies(path: Path, found: Mapping[str, Energies], temperature: float) -> None:
    figure, axes = panels(len(found), alike=True)
    names = names_of(list(found))
    bins = np.linspace(-1 / temperature, 1 / temperature, ENERGY_BINS + 1)
    highest = bins[1 + max(int(each.counts.nonzero()[0].max()) for each in found.values())]
    for axis, (name, each) in zip(axes, found.items(), strict=True):
        positive = np.histogram(each.positive, bins)[0].astype(np.float64)
        for counts, colour, words in (
            (each.counts, COLOURS[0], "other pairs, F⁻"),
            (positive, COLOURS[1], "pairs that belong together, F⁺"),
        ):
            label = f"{words}, n = {int(counts.sum()):,}"
            axis.stairs(100 * counts / counts.sum(), bins, color=colour, alpha=0.25, fill=True)
            axis.stairs(100 * counts / counts.sum(), bins, color=colour, lw=1.5, label=label)
        gap, errors = np.median(each.gaps), 100 * (each.gaps < 0).mean()
        axis.set_title(f"{names[name][0]}\nmedian gap {gap:.2f}, errors {errors:.1f} %")
        axis.set_xlim(1.02 * bins[0], highest)
        axis.set_xlabel(f"energy, −cosine / {temperature:g}")
        axis.set_ylabel("share of pairs (%)")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), fontsize=9)
    figure.suptitle("Energies of pairs; a gap is to the hardest other pair")
    save(figure, path)
