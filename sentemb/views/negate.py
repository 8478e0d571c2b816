"""Negation of English sentences by rule."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


MODALS = _set("can could will would shall should may might must")
BE = _set("am is are was were")
DO = _set("do does did")
HAVE = _set("have has had")
SHORT = re.compile(r"(?i)(?:i|it|he|she|we|you|they|that|there|who|here)['’](?:m|s|re|ll|ve|d)")
DETERMINERS = _set(
    "a an the this that these those my your his her its our their some any no every each both "
    "many few several all most other one two three of in on at to for with from by and or"
)
PLURAL = _set("i you we they people men women children both many all who which that")
IRREGULAR = dict(
    pair.split(":")
    for pair in _set(
        "became:become began:begin bent:bend bit:bite blew:blow bought:buy broke:break "
        "brought:bring built:build burnt:burn came:come caught:catch chose:choose dealt:deal "
        "drank:drink drew:draw drove:drive dug:dig ate:eat fed:feed fell:fall felt:feel flew:fly "
        "forgave:forgive forgot:forget fought:fight found:find froze:freeze gave:give got:get "
        "grew:grow heard:hear held:hold hid:hide hung:hang kept:keep knew:know laid:lay led:lead "
        "left:leave lent:lend lit:light lost:lose made:make meant:mean met:meet paid:pay "
        "ran:run rang:ring rode:ride rose:rise said:say sang:sing sank:sink sat:sit saw:see "
        "sent:send shone:shine shook:shake shot:shoot slept:sleep slid:slide sold:sell "
        "sought:seek spent:spend spoke:speak stole:steal stood:stand stuck:stick struck:strike "
        "swam:swim swept:sweep swore:swear swung:swing taught:teach told:tell thought:think "
        "threw:throw took:take tore:tear understood:understand went:go wept:weep woke:wake "
        "won:win wore:wear wound:wind wrote:write"
    )
)
"""Past tenses that no rule makes, of verbs that are frequent."""
VERBS = _set(
    "accept act add admit affect agree allow announce answer appear apply argue arrive ask "
    "attack attend avoid bark beat become begin believe belong break bring build burn buy call "
    "carry catch cause celebrate change choose claim clean climb close collect come compare "
    "complain consider consist contain continue cook cost cover create cross cry cut dance "
    "decide demand deny depend describe deserve destroy die disappear discover divide draw dream "
    "drink drive drop eat employ enjoy enter exist expect explain express face fail fall fear "
    "feed feel fight fill find finish fit float flow fly follow forget form gather get give go "
    "grow guess hang happen hate hear help hide hit hold hope hunt hurt imagine improve include "
    "increase indicate invite involve join jump keep kick kill knock know lack last laugh lead "
    "learn leave lie lift like listen live look lose love make manage matter mean measure meet "
    "mention mind miss move need notice occur offer open order own paint pass pay perform pick "
    "play point prefer prepare present prevent produce promise protect prove provide publish "
    "pull push put raise reach read realise realize receive recognise recognize record reduce "
    "refer reflect refuse regret reject remain remember remind remove repair repeat replace "
    "report represent require rest return reveal ride ring rise roll run save say see seem sell "
    "send serve set shake share shine shoot shout show shut sing sit sleep smell smile sound "
    "speak spend stand start stay steal stop strike study succeed suffer suggest support suppose "
    "swim take talk taste teach tell tend think threaten throw touch travel treat try turn "
    "understand use vary visit wait wake walk want warn wash watch wear weigh win wish wonder "
    "work worry write"
)
"""Base forms; verbs in the present are told from nouns by this list."""
PARTICIPLES = _set("been had done cut put set let hit hurt shut read come become run")
"""Those that "have" stands before, and that neither an ending nor `IRREGULAR` tells."""
EDGES = re.compile(r"^(\W*)(.*?)(\W*)$", re.DOTALL)
NOT = re.compile(r"(?i)(?:not|never)")
SHORT_NOT = re.compile(r"(?i)(?:ca|wo|sha|\w+?)n['’]t")
WHOLE = {"can": "can", "ca": "can", "wo": "will", "sha": "shall"}


@dataclass(frozen=True)
class Negate:
    """Negate an English sentence, or take its negation away; the words stay.

    The first rule that applies: a "not", "never" or "n't" goes; "not" follows the first auxiliary;
    "do", "does" or "did not" stands before the first verb of a list, or the first word that ends
    like a past tense; or else "Not" stands in front, which is not grammatical (`negated` returns
    None there).
    Nothing is random.

    Source: Wang and Dou, 2023, SNCSE (arXiv:2201.05979), and the authors' code. Deviation: verbs
        are found by lists and endings, not by a parser; "n't" and "never" count as "not".

    Example:
        >>> Negate()("The nurse saw them.", Random(0)), Negate()("It won't rain.", Random(0))
        ('The nurse did not see them.', 'It will rain.')
        >>> Negate()("A quiet morning.", Random(0))
        'Not a quiet morning.'
    """

    def __call__(self, text: str, random: Random) -> str:
        """Return the negation; a blank text as it is."""
        if not text.strip():
            return text
        return negated(text) or f"Not {text[:1].lower()}{text[1:]}"


def negated(text: str) -> str | None:
    """Return the negation of an English sentence; None where no rule finds its verb.

    Example:
        >>> negated("She has not paid."), negated("What a day!")
        ('She has paid.', None)
    """
    words = text.split()
    cores = [_core(word) for word in words]
    lower = [core.lower() for core in cores]
    for place, core in enumerate(lower):
        if (positive := _without_not(core)) is not None:
            return _joined(words, place, positive)
    for place, core in enumerate(lower):
        if _is_auxiliary(lower, place) or SHORT.fullmatch(core):
            return _joined(words, place, f"{cores[place]} not")
    for place in range(1, len(lower)):
        if (verb := _verb(lower[place - 1], lower[place])) is not None:
            return _joined(words, place, verb)
    return None


def _core(word: str) -> str:
    """Return a word without the punctuation around it."""
    found = EDGES.match(word)
    return found[2] if found else word


def _joined(words: Sequence[str], place: int, instead: str) -> str:
    """Return the text with another word in a place, or none, its punctuation kept."""
    changed = [*words]
    changed[place] = EDGES.sub(lambda word: f"{word[1]}{instead}{word[3]}", words[place], count=1)
    if not instead and place + 1 < len(changed) and place == 0:
        changed[1] = changed[1][:1].upper() + changed[1][1:]
    if place == 0 and instead:
        changed[0] = changed[0][:1].upper() + changed[0][1:]
    return " ".join(word for word in changed if word)


def _without_not(core: str) -> str | None:
    """Return what is left of a word that negates: "" of "not", "can" of "can't"; None of others."""
    if NOT.fullmatch(core):
        return ""
    if core == "cannot":
        return "can"
    if SHORT_NOT.fullmatch(core):
        stem = core[:-3]
        return WHOLE.get(stem, stem)
    return None


def _is_auxiliary(lower: Sequence[str], place: int) -> bool:
    """Say whether a word is an auxiliary; "have" is one before a participle."""
    core = lower[place]
    if core not in HAVE:
        return core in MODALS or core in BE or core in DO
    following = lower[place + 1 : place + 3]
    if following and (following[0] in IRREGULAR or following[0] in PARTICIPLES):
        return True
    return any(word.endswith(("ed", "en", "wn")) for word in following)


def _verb(before: str, core: str) -> str | None:
    """Return a full verb with "do not" in front of its base form, or None of any other word."""
    if core in HAVE:
        return {"have": "do", "has": "does", "had": "did"}[core] + " not have"
    if before in DETERMINERS and before not in PLURAL:
        return None
    if core in IRREGULAR:
        return f"did not {IRREGULAR[core]}"
    if core in VERBS and (before in PLURAL or (before.endswith("s") and before not in VERBS)):
        return f"do not {core}"
    if (base := _third_person(core)) is not None:
        return f"does not {base}"
    if core.endswith("ed") and len(core) > len("need"):
        return f"did not {_of_past(core)}"
    return None


def _third_person(core: str) -> str | None:
    bases = [core[:-1]] if core.endswith("s") else []
    bases += [core[:-2]] if core.endswith("es") else []
    bases += [core[:-3] + "y"] if core.endswith("ies") else []
    return next((base for base in bases if base in VERBS), None)


def _of_past(core: str) -> str:
    """Return the base form of a regular past tense, as well as endings tell it."""
    stem = core[:-2]
    if stem.endswith("i"):
        return stem[:-1] + "y"
    if stem in VERBS or stem + "e" in VERBS:
        return stem if stem in VERBS else stem + "e"
    if stem[-1] == stem[-2] and stem[-1] not in "lsfz":
        return stem[:-1]
    silent = re.search(r"(?:[cvuz]|[^aeiou]l|[nrd]g|[^aeou]at|[aeiou]s|ur|ir|[^aeiou]in)$", stem)
    one_syllable = re.fullmatch(r"[^aeiou]*[aeiou][^aeiouwxy]", stem)
    return stem + "e" if silent or one_syllable else stem
