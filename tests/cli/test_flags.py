"""What the library says in parameters is shown in what is typed."""

import logging

import pytest
from sentemb_cli.console import Flag, configure, with_flags

FLAGS = {
    "output": Flag("--output"),
    "overwrite": Flag("--overwrite"),
    "batch_size": Flag("--batch-size"),
    "select": Flag("--select"),
    "columns": Flag("--columns"),
    "allow_changed": Flag("--allow-changed", repeats=True),
    "data": Flag("--data-folder"),
    "model": Flag("MODEL"),
}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("give another `output`, or `overwrite=True`.", "give another --output, or --overwrite."),
        ("give `batch_size=8` or less", "give --batch-size 8 or less"),
        ("or `select='last'`.", "or --select last."),
        ("as `columns=['a', 'b']`.", "as --columns a,b."),
        ("as `columns=['a b', 'c']`.", "as --columns 'a b,c'."),
        ("with `allow_changed=['data', 'dev']`.", "with --allow-changed data --allow-changed dev."),
        ("give `data`, or", "give --data-folder, or"),
        ("a smaller `model`.", "a smaller MODEL."),
        ("give `resume=True`.", "give `resume=True`."),
        ("`pip install x` and `sentemb`", "`pip install x` and `sentemb`"),
        ("use `sentemb.safety.trusting_code()`.", "use sentemb --trust-remote-code COMMAND."),
    ],
)
def test_marked_parameters_become_flags(said, shown):
    assert with_flags(said, FLAGS) == shown


def test_parameters_that_are_not_marked_become_flags_where_nothing_else_is_meant():
    assert with_flags("batch_size must be 2", FLAGS, plain=True) == "--batch-size must be 2"
    assert with_flags("select must be one", FLAGS, plain=True) == "--select must be one"
    assert with_flags("model must be one", FLAGS, plain=True) == "model must be one"
    for other in ("'batch_size' is", "a.batch_size", "they select one"):
        assert with_flags(other, FLAGS, plain=True) == other


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("train --resume --overwrite -o a", "--resume continues a run and --overwrite starts"),
        ("train -o full", "Output folder 'full' is not empty: give another."),
        ("train --overwrite -o full", "Give another --output."),
        ("export mini --static -o made", "or replace its export with --overwrite."),
        ("train --select spearman --data few.txt --batch-size 2", "give --dev, or --select held"),
        ("train --data few.txt --batch-size 4", "give --batch-size 3 or less, or more data"),
        ("train --data two.csv -m simcse-sup", "in that order, as --columns left,right."),
        ("train --data gap.csv -m simcse-sup", "or train on --columns anchor,positive."),
        ("check two.csv", "name yours with --columns"),
        ("evaluate mini --suite sts --data-folder no", "give another --data-folder."),
        ("encode ragged.csv", "use sentemb --delimiter NAME COMMAND."),
        ("info few.txt", "'few.txt' is a file: give a model folder"),
        ("predict mini two.csv", "two.csv has the columns left, right; needed are sentence1"),
    ],
)
def test_commands_show_flags(sentemb, tmp_path, command, shown):
    for name, content in {
        "full/a.txt": "mine",
        "made/export.json": '{"schema": "sentemb.export/1"}',
        "few.txt": "one\ntwo\nthree\n",
        "two.csv": "left,right\na,b\nc,d\n",
        "gap.csv": "anchor,positive,negative\na,b,c\nd,e,\n",
        "ragged.csv": "text,b\n1\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(content)
    process = sentemb(*command.split())
    told = (process.stdout + process.stderr).decode()
    assert process.returncode in (1, 2, 3)
    assert shown in told
    assert "`" not in told


def test_log_lines_show_flags(capsys):
    configure(quiet=False, flags=FLAGS)
    logging.getLogger("sentemb").warning("give `overwrite=True` or another `output`")
    assert capsys.readouterr().err == "give --overwrite or another --output\n"
