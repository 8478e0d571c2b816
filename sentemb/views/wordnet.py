"""Synonyms from WordNet, through nltk."""

import os
import warnings
from typing import Any

from sentemb.errors import UsageError, install_command


class WordNet:
    """The other lemmas of all synsets of a word, in English.

    Raises:
        UsageError: When nltk, or the data it reads, is not installed; says how to get it.

    Source: Fellbaum, 1998, WordNet; used for EDA by Wei and Zou, 2019 (arXiv:1901.11196).
    """

    def __init__(self) -> None:
        self._process = -1
        self._reader: Any = None
        self("word")  # say at once what is missing

    def __repr__(self) -> str:
        return "WordNet()"

    def __call__(self, word: str) -> list[str]:
        """Return the synonyms of a word, sorted; none where WordNet does not know it."""
        synsets = self._of_this_process().synsets(word)
        lemmas = {lemma.replace("_", " ") for synset in synsets for lemma in synset.lemma_names()}
        return sorted(lemma for lemma in lemmas if lemma.lower() != word.lower())

    def _of_this_process(self) -> Any:
        """Return a separate reader for each process: a forked one would share file positions."""
        if self._process != os.getpid():
            try:
                from nltk.corpus.reader import WordNetCorpusReader
                from nltk.corpus.util import LazyCorpusLoader
            except ImportError as error:
                raise UsageError(
                    f"Synonyms from WordNet need nltk: {install_command('wordnet')}, then python "
                    "-m nltk.downloader wordnet; or take the encoder's own neighbours."
                ) from error
            try:
                self._reader = LazyCorpusLoader("wordnet", WordNetCorpusReader, None)
                with warnings.catch_warnings():  # that there is no other language: none is asked
                    warnings.simplefilter("ignore", UserWarning)
                    self._reader.synsets("word")
            except LookupError as error:
                raise UsageError(
                    "nltk has no WordNet data: python -m nltk.downloader wordnet (or set "
                    "NLTK_DATA to where it is), or take the encoder's own neighbours."
                ) from error
            self._process = os.getpid()
        return self._reader
