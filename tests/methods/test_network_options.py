"""Options of towers that would have no effect are refused, by name."""

import inspect
import re

import pytest

from sentemb.errors import UsageError
from sentemb.methods import bind, clip, coca, lit, siglip, simclr_pictures
from sentemb.methods.bind import bind_spokes
from sentemb.methods.bind import towers_of as of_sounds
from sentemb.methods.clip import pictures_of
from sentemb.methods.network_options import NUMBERS
from sentemb.methods.simclr_pictures import OF_TOWER
from sentemb.methods.simclr_pictures import pictures_of as tower_of
from tests.support import encoders


def defaults(build):
    return {name: one.default for name, one in inspect.signature(build).parameters.items()}


@pytest.mark.parametrize(
    ("build", "options", "message"),
    [
        (clip, {"network": "vit", "stem": 4}, "`stem` has no effect with network vit"),
        (siglip, {"network": "models/m", "stem": 1}, "`stem` has no effect with network models/m"),
        (coca, {"network": "models/m", "width": 64}, "`width` has no effect with"),
        (simclr_pictures, {"network": "models/m", "depth": 2}, "`depth` has no effect with"),
        (clip, {"freeze": "text", "text_rate": 0.5}, "`text_rate` has no effect with frozen texts"),
        (bind, {"text_temperature": 0.1}, "`text_temperature` has no effect unless one of several"),
        (bind, {"text_rate": 0.5}, "`text_rate` has no effect unless one of several"),
    ],
)
def test_an_option_without_effect_is_refused(build, options, message):
    encoder = None if build is simclr_pictures else encoders.mini()
    with pytest.raises(UsageError, match=re.escape(message)):
        build(encoder, **options)


def test_a_number_of_another_network_is_refused_before_a_picture_is_read():
    for build, hook in ((clip, pictures_of), (simclr_pictures, tower_of), (bind, of_sounds)):
        with pytest.raises(UsageError, match="`stem` has no effect with network vit"):
            hook(None, defaults(build) | {"network": "vit", "stem": 4})


def test_lit_and_sounds_alone_too(tmp_path):
    with pytest.raises(UsageError, match="`stem` has no effect with network vit"):
        lit(encoders.mini(), network="vit", stem=4)
    made = simclr_pictures(size=8, width=8, depth=2, dim=96, projection=6).encoder
    made.save_pretrained(str(tmp_path))
    heard, hub = {"a": ["picture", "sound"]}, str(tmp_path / "picture")
    with pytest.raises(UsageError, match="`text_rate` has no effect unless"):
        bind_spokes(encoders.mini(), heard, hub=hub, text_rate=0.5)
    with pytest.raises(UsageError, match="`stem` has no effect with network vit"):
        bind(encoders.mini(), hub=hub, network="vit", stem=4)


def test_a_tower_that_is_continued_stays_what_it_is(tmp_path):
    small = {"size": 8, "width": 8, "depth": 2, "dim": 12, "tower_pooling": "mean-max"}
    made = simclr_pictures(**small, projection=6).encoder
    made.save_pretrained(str(tmp_path))
    for name in OF_TOWER:
        other = small.get(name, {"network": "vit", "stem": 4}.get(name))
        with pytest.raises(UsageError, match=f"`{name}` has no effect with a tower of `model`"):
            simclr_pictures(made, **{name: other})
        with pytest.raises(UsageError, match=f"`{name}` has no effect with a tower of `model`"):
            tower_of(tmp_path, defaults(simclr_pictures) | {name: other})
    assert simclr_pictures(made, projection=6, crop=0.2).encoder is made
    assert tower_of(tmp_path, defaults(simclr_pictures))[0].width == 8


def test_recipes_that_share_a_check_have_the_same_defaults():
    of_clip = defaults(clip)
    for build in (siglip, lit, coca):
        own = defaults(build)
        assert [own[name] for name in NUMBERS] == [of_clip[name] for name in NUMBERS]
    assert defaults(siglip)["text_rate"] == of_clip["text_rate"]
    assert defaults(bind) == defaults(bind_spokes) | {"columns": ("text",)}
