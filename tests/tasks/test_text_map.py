"""Maps of texts: the page in a browser, hostile texts, pictures, what is refused."""

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import sentemb
from sentemb.errors import InputError, UsageError
from sentemb.tasks.map_page import COLORS, coloring, page
from sentemb.tasks.projection import aligned, projected
from sentemb.tasks.text_map import TextMap
from sentemb.tasks.vectors import embedded
from tests.support.browser import Browser, require_browser

HOSTILE = [
    "</script><script>document.title = 'taken'</script>",
    "<img src=x onerror=\"document.title = 'taken'\">",
    "<!-- <script>",
    "\u2028\u202e`${document.title = 'taken'}`\0",
    "@DATA@ @TITLE@",
]


def grid(texts, **further):
    """Texts on a line from left to right, in two maps; groups by turns."""
    places = np.stack([np.arange(len(texts)), np.zeros(len(texts))], axis=1)
    groups = [("even", "odd")[n % 2] for n in range(len(texts))]
    maps = {"one": places, "two": -places}
    return TextMap(texts, maps, {"label": groups, **further}, "pca", "texts.txt")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    opened = Browser(require_browser(), tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def shown(browser, tmp_path, made):
    browser.requests.clear()
    browser.open(made.save(tmp_path / "map.html"))
    assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == []
    assert browser.errors == []
    return browser


def place(browser, row, view=0):
    """Where a row is drawn, in pixels of the window."""
    return browser.run(
        f"(() => {{ const box = views[{view}].canvas.getBoundingClientRect(), "
        f"[x, y] = views[{view}].place({row}); return [box.left + x, box.top + y]; }})()"
    )


def listed(browser):
    return browser.run("[...document.querySelectorAll('#list li')].map(item => item.textContent)")


def text_of(browser, element):
    return browser.run(f"document.getElementById('{element}').textContent")


def test_hover_shows_the_text(browser, tmp_path):
    shown(browser, tmp_path, grid(["zero", "one", "two"]))
    assert browser.run("document.getElementById('tip').hidden")
    browser.mouse("mouseMoved", *place(browser, 1))
    assert text_of(browser, "tip") == "onelabel: odd"
    assert browser.run("hovered") == 1
    x, y = place(browser, 1)
    browser.mouse("mouseMoved", x, y + 100)
    assert browser.run("document.getElementById('tip').hidden")


def test_a_lasso_lists_what_is_inside(browser, tmp_path):
    shown(browser, tmp_path, grid([f"text {n}" for n in range(10)]))
    (x, y), (to, _) = place(browser, 2), place(browser, 5)
    around = [(x - 9, y - 40), (to + 9, y - 40), (to + 9, y + 40), (x - 9, y + 40)]
    browser.drag([*around, around[0]])
    assert listed(browser) == ["text 2", "text 3", "text 4", "text 5"]
    assert text_of(browser, "count") == "4 selected"
    browser.click(*place(browser, 8, view=1))
    assert listed(browser)[-1] == "text 8"
    browser.click(*place(browser, 8))
    assert len(listed(browser)) == 4
    (x, y) = browser.run(
        "(() => { const box = document.getElementById('clearing').getBoundingClientRect(); "
        "return [box.left + 5, box.top + 5]; })()"
    )
    browser.click(x, y)
    assert listed(browser) == []


def test_search_dims_counts_and_lists(browser, tmp_path):
    shown(browser, tmp_path, grid(["A Cat", "a dog", "two cats", "rain"]))
    browser.run("document.getElementById('search').focus()")
    browser.type("CAT")
    assert text_of(browser, "matches") == "2 of 4 match"
    for kind in ("rawKeyDown", "keyUp"):
        key = {"key": "Enter", "windowsVirtualKeyCode": 13}
        browser.call("Input.dispatchKeyEvent", type=kind, **key)
    assert listed(browser) == ["A Cat", "two cats"]
    browser.mouse("mouseMoved", *place(browser, 1))
    assert browser.run("hovered") == -1  # a text that does not match


def test_legend_colors_zoom_and_move(browser, tmp_path):
    made = grid(["a", "b", "c", "d"], cluster=["x", "x", "y", "y"])
    shown(browser, tmp_path, made)
    legend = "[...document.querySelectorAll('#legend button')]"
    assert browser.run(f"{legend}.map(one => one.textContent)") == ["even (2)", "odd (2)"]
    browser.run(f"{legend}[1].click()")
    browser.run("document.getElementById('listing').click()")
    assert listed(browser) == ["a", "c"]
    select = "document.getElementById('coloring')"
    browser.run(f"{select}.value = 1; {select}.dispatchEvent(new Event('change'))")
    assert browser.run(f"{legend}.map(one => one.textContent)") == ["x (2)", "y (2)"]
    before, (x, y) = place(browser, 0), place(browser, 3)
    browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-200)
    assert place(browser, 3) == pytest.approx([x, y], abs=1)  # zooms where the pointer is
    assert place(browser, 0)[0] < before[0]
    browser.drag([(x, y), (x - 30, y + 10)], modifiers=8)
    assert place(browser, 3) == pytest.approx([x - 30, y + 10], abs=2)
    for count in (1, 2):
        for kind in ("mousePressed", "mouseReleased"):
            browser.mouse(kind, x, y, button="left", clickCount=count)
    assert place(browser, 0) == pytest.approx(before)


def test_nothing_of_the_data_becomes_markup_or_code(browser, tmp_path):
    made = TextMap(
        HOSTILE,
        {text: np.eye(5)[:, :2] for text in HOSTILE[:2]},
        dict.fromkeys(HOSTILE[:2], HOSTILE),
        "pca",
        HOSTILE[1],
    )
    shown(browser, tmp_path, made)
    browser.run("document.getElementById('listing').click()")
    assert listed(browser) == HOSTILE
    browser.mouse("mouseMoved", *place(browser, 4))
    browser.frame()
    assert browser.run("document.title") == made.title
    assert browser.run("document.images.length + document.scripts.length") == 2


def pictures(count):
    """As `grid`, of pictures of one colour each."""
    image = pytest.importorskip("PIL.Image", reason="the vision extra is not installed")
    made = grid([f"{n}.png" for n in range(count)])
    files = [io.BytesIO() for _ in range(count)]
    for n, file in enumerate(files):
        image.new("RGB", (16, 16), (n, 255 - n, 90)).save(file, "WEBP")
    small = [file.getvalue() for file in files]
    return replace(made, source="photos", modality="picture", thumbnails=small)


def test_few_pictures_stand_in_place_of_points(browser, tmp_path):
    shown(browser, tmp_path, pictures(4))
    assert browser.run("pictures.every(picture => picture.naturalWidth === 16)")
    assert browser.run("views[0].side") >= 24
    browser.mouse("mouseMoved", *place(browser, 1))
    assert text_of(browser, "tip") == "1.pnglabel: odd"
    assert browser.run("document.querySelector('#tip img').src === pictures[1].src")
    browser.run("document.getElementById('listing').click()")
    assert browser.run("document.querySelectorAll('#list img').length") == 4
    assert listed(browser) == ["0.png", "1.png", "2.png", "3.png"]
    (x, y) = browser.run(
        "(() => { const box = views[0].canvas.getBoundingClientRect(), [x, y] = views[0].place(1), "
        "ratio = devicePixelRatio, pen = views[0].canvas.getContext('2d'); "
        "return [...pen.getImageData(x * ratio, y * ratio, 1, 1).data].slice(0, 2); })()"
    )
    assert (x, y) == pytest.approx((1, 254), abs=12)  # the picture, not its group's colour


def test_many_are_points_until_they_are_zoomed_in_or_asked_for(browser, tmp_path):
    shown(browser, tmp_path, pictures(200))
    assert browser.run("views[0].side") == 0
    browser.run("document.getElementById('always').click()")
    assert browser.run("views[0].side") >= 24
    browser.run("document.getElementById('always').click()")
    x, y = place(browser, 100)
    for _ in range(4):
        browser.mouse("mouseWheel", x, y, deltaX=0, deltaY=-400)
    assert browser.run("views[0].side") >= 24
    shown(browser, tmp_path, grid(["a", "b", "c"]))
    assert browser.run("document.getElementById('laying').hidden")


def test_the_page_holds_the_data_once_escaped():
    made = page("a <b>", HOSTILE, {"m": np.eye(5)[:, :2]}, {"label": HOSTILE})
    (data,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', made, re.S)
    assert json.loads(data)["texts"] == HOSTILE
    assert "<" not in data
    assert "<title>a &lt;b&gt;</title>" in made
    assert made.count("default-src 'none'") == 1
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", made)


def test_five_thousand_texts_are_below_ten_megabytes():
    texts = ["é" * 2000] * 5000
    points = {f"model {n}": np.random.default_rng(n).random((5000, 2)) for n in range(3)}
    made = page("many", texts, points, {"cluster": [f"cluster {n % 30}" for n in range(5000)]})
    assert len(made.encode()) < 10_000_000


def test_groups_beyond_the_colors_are_others():
    groups = [f"g{n:02d}" for n in range(30) for _ in range(40 - n)]
    found = coloring("label", groups)
    assert len(found["colors"]) == len(found["names"]) == len(COLORS)
    assert found["names"][0] == "g00"
    assert found["names"][-1] == "12 others"
    assert set(found["of"]) == set(range(len(COLORS)))


def test_a_second_map_lies_as_the_first():
    points = np.random.default_rng(0).normal(size=(20, 2))
    turned = points @ np.array([[0.0, 1.0], [1.0, 0.0]]) + 7
    assert aligned(turned, points) == pytest.approx(points - points.mean(axis=0))


def test_rows_models_and_clusters():
    data = {"text": ["A cat.", "Cats.", "A dog.", "A car."], "kind": ["a", "a", None, "b"]}
    found = sentemb.map(data, ["mini", "mini-sentemb", "mini"], color_by="kind", clusters=4)
    assert list(found.points) == ["mini", "mini-sentemb", "mini (3)"]
    assert found.points["mini"] == pytest.approx(found.points["mini (3)"], abs=1e-5)
    assert found.colorings["kind"] == ["a", "a", "(none)", "b"]
    assert len(set(found.colorings["cluster"])) == 4
    assert sorted(name[0] for name in found.colorings["cluster"]) == ["1", "2", "3", "4"]
    frame = found.to_pandas()
    assert list(frame.columns)[:4] == ["text", "kind", "cluster", "x of mini"]
    assert len(frame) == len(found) == 4


def test_a_column_of_clusters_is_taken():
    data = {"text": ["A cat.", "A dog.", "A car."], "cluster": [0, 0, 1]}
    assert sentemb.map(data, color_by="cluster").colorings == {"cluster": ["0", "0", "1"]}


def test_vectors_of_one_model_make_one_map():
    made = embedded(["A cat.", "A dog.", "A car."], "mini")
    assert list(sentemb.map(made).points) == ["mini"]
    with pytest.raises(UsageError, match="give the texts to compare several models"):
        sentemb.map(made, ["mini", "mini-sentemb"])


@pytest.mark.long
def test_umap_keeps_neighbors_and_its_seed():
    pytest.importorskip("umap", reason="the map extra is not installed")
    generator = np.random.default_rng(0)
    vectors = np.repeat(np.eye(4, 8), 12, axis=0) + generator.normal(0, 0.05, (48, 8))
    one, two = (projected(vectors.astype(np.float32), "umap", seed=3) for _ in range(2))
    assert (one == two).all()
    near = np.linalg.norm(one[:, None] - one, axis=2).argsort(axis=1)[:, 1]
    assert (near // 12 == np.arange(48) // 12).mean() > 0.9


def test_umap_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("sentemb.tasks.projection.find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"needs umap-learn: pip install.*; `projection='pca'`"):
        sentemb.map(["a", "b", "c"], projection="umap")


def test_the_picture(tmp_path):
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    assert grid(["a", "b", "c"]).save(tmp_path / "new/map.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"projection": "tsne"}, UsageError, "projection must be one of pca, umap; got 'tsne'"),
        ({"clusters": 1}, UsageError, "clusters must be at least 2, got 1"),
        ({"model": []}, UsageError, "`model` is an empty list"),
        (
            {"color_by": "tag"},
            InputError,
            "data has no column 'tag' beside its texts; it has none.",
        ),
    ],
)
def test_options_that_are_refused(options, error, message):
    with pytest.raises(error, match=re.escape(message)):
        sentemb.map(["A cat.", "A dog.", "Rain."], **options)


def test_data_and_files_that_are_refused(tmp_path):
    with pytest.raises(InputError, match="2 rows, or rows of one vector, make no map"):
        sentemb.map(["a", "b"])
    with pytest.raises(InputError, match="make no map"):
        sentemb.map(["a", "a", "a", "a"])
    with pytest.raises(UsageError, match=r"give a file ending in .html, .png, .pdf, .svg"):
        grid(["a", "b"]).save(Path("map.htm"))
