"""A document as its sentences."""

import regex

ABBREVIATIONS = (
    *("mr", "mrs", "ms", "dr", "prof", "st", "sr", "jr", "vs", "etc", "cf", "al", "fig", "figs"),
    *("eq", "no", "vol", "pp", "ed", "eds", "inc", "ltd", "co", "dept", "approx", "e.g", "i.e"),
    *("u.s", "u.k"),
)
END = regex.compile(
    rf"(?<!\b(?i:{'|'.join(map(regex.escape, ABBREVIATIONS))}))(?<!(?<![\p{{L}}.])\p{{Lu}})"
    r"[.!?…؟]+[\"'”’)\]]*\s+(?=[\"'“‘(\[]*[\p{Lu}\p{Lo}\p{N}])"
    r"|[。！？]+[”’」』）]*\s*",
)
"""Where a sentence ends: a stop before a capital or a digit, unless an abbreviation or an initial
stands before it; a Chinese or Japanese stop."""


def sentences_in(text: str) -> list[str]:
    """Return the sentences of a text, in order, with single spaces.

    Example:
        >>> sentences_in("Dr. A. Smith agrees.  Why? It is 3.5 m (i.e. long). 好。是的")
        ['Dr. A. Smith agrees.', 'Why?', 'It is 3.5 m (i.e. long).', '好。', '是的']
    """
    line, start, found = " ".join(text.split()), 0, []
    for match in END.finditer(line):
        found.append(line[start : match.end()].strip())
        start = match.end()
    return [sentence for sentence in [*found, line[start:].strip()] if sentence]
