"""What users read is plain: no phrase of ours where the language has a word, one spelling."""

import re
from collections import Counter

from tests.support.texts import ROOT, texts

BANNED = {
    r"\btold\b": "report, show, or name the actor",
    r"\bsaid\b": "report, state",
    r"\b(goes|go|went|gone) on\b": "continue, resume",
    r"\blets? (it |them )?be\b": "keep, allow",
    r"\bwhat (is|are) no\b": "say what it is",
    r"(?<![Tt]here )\b(is|are|was|were) none\b(?! of)": "say what there is instead",
    r"(?<![Tt]here )\b(is|are|was|were) no\b(?! (less|longer|more))": "is not a, has no",
    r"\bthat of\b": "repeat the noun",
    r"\bof (its|their|one's) own\b": "own, separate",
    r"\bof yours\b": "your",
    r"\bas ever\b": "as before",
    r"\bonce more\b": "again",
    r"\bgone with\b": "removed",
    r"\b(comes|came|come) to\b(?! rest)": "is, becomes",
    r"\blets? go of\b": "delete",
}
AMERICAN = (
    r"\b(colors?|colored|behaviors?|neighbors?|center(s|ed)?|labeled|modeling|gray|catalog)\b",
    r"\b(re)?(normal|regular|initial|recogn|summar|organ|token|optim)iz(e|es|ed|ing|ation)\b(?!:)",
)
"""Prose is British; names in code, which are in backticks, are what they are."""
FILE = ROOT / "build/texts.txt"


def test_no_text_has_a_phrase_that_newcomers_stumble_at():
    found = texts()
    kinds = Counter(text.kind for text in found)
    assert all(kinds[kind] > 50 for kind in ("page", "docstring", "help", "error", "log"))
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text("".join(f"{t.kind}  {t.place}  {' '.join(t.text.split())}\n" for t in found))
    wrong = [
        f"{text.place}: {text.kind}: '{hit[0]}' ({better})"
        for text in found
        for phrase, better in BANNED.items()
        for hit in re.finditer(phrase, text.text)
    ]
    assert wrong == [], f"{len(wrong)} phrases; all texts are in {FILE}"


def test_prose_has_one_spelling():
    wrong = [
        f"{text.place}: '{hit[0]}'"
        for text in texts()
        for phrase in AMERICAN
        for hit in re.finditer(phrase, text.text, re.IGNORECASE)
    ]
    assert wrong == []
