"""Negation by rule: each rule, what it leaves, and how often it finds a verb."""

from random import Random

import pytest

from sentemb.bundled import bundled
from sentemb.views import Negate
from sentemb.views.negate import negated

SENTENCES = {
    "The road is closed.": "The road is not closed.",
    "You can park here, I think.": "You can not park here, I think.",
    "It's raining.": "It's not raining.",
    "Is it late?": "Is not it late?",
    "The nurse has paid.": "The nurse has not paid.",
    "The nurse has a dog.": "The nurse does not have a dog.",
    "We had breakfast.": "We did not have breakfast.",
    "The team have won.": "The team have not won.",
    "Cats like milk.": "Cats do not like milk.",
    "Leila speaks Polish.": "Leila does not speak Polish.",
    "The boy carries water.": "The boy does not carry water.",
    "The boy carried water.": "The boy did not carry water.",
    "She stopped, and he wrote.": "She did not stop, and he wrote.",
    "He hoped.": "He did not hope.",
    "They visited the mine.": "They did not visit the mine.",
    "The painted door opened.": "The painted door did not open.",
    "My aunt sold “the farm”.": "My aunt did not sell “the farm”.",
}
NEGATED = {
    "The lift is not working.": "The lift is working.",
    "Not everyone came.": "Everyone came.",
    "We cannot go.": "We can go.",
    "I can't swim.": "I can swim.",
    "It won’t rain.": "It will rain.",
    "They didn't pay.": "They did pay.",
    "She never eats fish.": "She eats fish.",
}


@pytest.mark.parametrize(("text", "negation"), [*SENTENCES.items(), *NEGATED.items()])
def test_a_sentence_and_its_negation(text, negation):
    assert Negate()(text, Random(0)) == negated(text) == negation


@pytest.mark.parametrize("text", [text for text in SENTENCES if " not " in SENTENCES[text]][:4])
def test_the_negation_of_a_negation_is_the_sentence(text):
    assert negated(negated(text)) == text


def test_what_has_no_verb_gets_a_not_in_front():
    assert negated("What a day!") is None
    assert Negate()("What a day!", Random(0)) == "Not what a day!"
    assert Negate()("Not", Random(0)) == "Not not"
    assert Negate()(" ", Random(0)) == " "


def test_a_rule_applies_to_nearly_all_bundled_sentences():
    sentences = bundled("sentences.txt").read_text(encoding="utf-8").splitlines()
    found = [negated(sentence) for sentence in sentences]
    assert 0.05 < found.count(None) / len(found) < 0.07
    assert not any(one == sentence for one, sentence in zip(found, sentences, strict=True))
