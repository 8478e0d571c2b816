"""Small runs that the faults happen to."""

from dataclasses import replace
from functools import cache

import torch

from sentemb import STS, Settings, read_sts, read_training_data, train
from sentemb.bundled import bundled
from sentemb.methods import consert, moco, simcse_unsup
from tests.support.encoders import mini
from tests.support.helpers import PowerCut, without_dropout

SETTINGS = Settings(batch_size=8, learning_rate=1e-3, epochs=1, max_steps=4, save_steps=1)
KEPT = replace(SETTINGS, keep_checkpoints=True)


@cache
def data():
    read = read_training_data(bundled("sentences.txt"), [("text",)])
    return replace(read, rows=read.rows.select(range(44)))


@cache
def dev():
    """Twelve pairs."""
    whole = read_sts(bundled("formats/graded.tsv"))
    return STS(whole.name, whole.sentences1[:12], whole.sentences2[:12], whole.scores[:12])


def unsup():
    return simcse_unsup(mini("cls_before_pooler"))


def queued():
    return moco(mini(), queue_size=20, momentum=0.9)


def augmented():
    """Views that differ without dropout, so that a batch may be divided."""
    return consert(without_dropout(mini()))


def cut(method, folder, batches, settings=SETTINGS, **options):
    """Train so many batches, and end without a word."""
    method.loss = PowerCut(method.loss, batches)
    try:
        train(method, data(), folder, settings, **options)
    except KeyboardInterrupt:
        return method
    raise AssertionError("it ended before the cut")


class Sometimes:
    """A loss with something done to it at some training batches, counted from 1."""

    def __init__(self, loss, batches, fault):
        self.loss, self.batches, self.fault = loss, batches, fault
        self.seen = -1  # some rows are tried before the first

    def __call__(self, pairs):
        value = self.loss(pairs)
        if not torch.is_grad_enabled():
            return value
        self.seen += 1
        return self.fault(value) if self.seen in self.batches else value

    @property
    def terms(self):
        return (self.loss,)

    def __repr__(self):
        return repr(self.loss)
