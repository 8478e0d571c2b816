"""Vectors of words by contrast, and sentences as weighted means of them."""

from sentemb.words.sif import first_direction, without_first_direction
from sentemb.words.skip_gram import WordSettings, train_words
from sentemb.words.static_pairs import static
from sentemb.words.token_means import StaticSettings, TokenMeans
from sentemb.words.tokenlearn import tokenlearn
from sentemb.words.word2vec import word2vec
from sentemb.words.word_corpus import WordCorpus, read_corpus
from sentemb.words.word_noise import contrast_with_noise, keep_probabilities, noise_distribution

__all__ = [
    "StaticSettings",
    "TokenMeans",
    "WordCorpus",
    "WordSettings",
    "contrast_with_noise",
    "first_direction",
    "keep_probabilities",
    "noise_distribution",
    "read_corpus",
    "static",
    "tokenlearn",
    "train_words",
    "without_first_direction",
    "word2vec",
]
