"""R-Drop in a trainer of yours: two lines. Topics of sentences, without and with it."""

import csv
import tempfile

from transformers import AutoModelForSequenceClassification as Classifier
from transformers import AutoTokenizer, Trainer, TrainingArguments, set_seed

from sentemb.bundled import bundled
from sentemb.finetuning import RDropMixin


class RDropTrainer(RDropMixin, Trainer):  # the first line
    r_drop = 1.0  # the second


with bundled("topics.tsv").open(encoding="utf-8") as file:
    rows = list(csv.DictReader(file, delimiter="\t"))
topics = sorted({row["label"] for row in rows})
tokenizer = AutoTokenizer.from_pretrained(bundled("mini"))
data = [{**tokenizer(row["text"]), "labels": topics.index(row["label"])} for row in rows]
train, dev = data[::2] + data[1::4], data[3::4]
for kind in (Trainer, RDropTrainer):
    set_seed(0)
    model = Classifier.from_pretrained(bundled("mini"), num_labels=len(topics))
    with tempfile.TemporaryDirectory() as folder:
        settings = {"num_train_epochs": 10, "learning_rate": 3e-4, "report_to": "none"}
        arguments = TrainingArguments(folder, save_strategy="no", disable_tqdm=True, **settings)
        trainer = kind(model, arguments, train_dataset=train, processing_class=tokenizer)
        trainer.train()
        right = trainer.predict(dev).predictions.argmax(1) == [row["labels"] for row in dev]
    print(f"{kind.__name__}: {right.mean():.0%} of {len(dev)} right")
