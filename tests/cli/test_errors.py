"""Wrong input: one clear line, the right exit code, nothing written."""

import pytest

FILES = {
    "empty.txt": "",
    "few.txt": "one\ntwo\nthree\n",
    "wrong.csv": "txet\nhello\n",
    "triplets.csv": "anchor,positive,negative\na,b,c\nd,e,\n",
    "constant.tsv": "sentence1\tsentence2\tscore\na\tb\t3\nc\td\t3\n",
    "words.tsv": "sentence1\tsentence2\tscore\na\tb\t3\nc\td\thigh\n",
    "blank.csv": 'text,n\n"two\nlines",1\n,2\n',
    "pairs.csv": "anchor,positive\na,b\nc,d\n",
    "one.tsv": "label\tsentence1\tsentence2\nyes\ta\tb\nyes\tc\td\n",
    "gap.tsv": "label\tsentence1\tsentence2\nyes\ta\tb\n\tc\td\n",
    "gold.tsv": "label\tsentence1\tsentence2\n-\ta\tb\nyes\tc\td\n",
    "wide.tsv": "label\tsentence1\tsentence2\n" + "".join(f"{i}\ta\tb\n" for i in range(30)),
    "plain.tsv": "sentence1\tsentence2\na\tb\n",
    "texts.jsonl": '{"text": "a"}\n',
    "notes.xyz": "x\n",
    "late.jsonl": '{"other": "x"}\n{"text": "a"}\n',
    "twice.csv": "text,text\na,b\n",
    "full/thesis.txt": "mine",
    "ran/run.json": '{"schema": "sentemb.run/1"}',
    "seeds/seed-2/run.json": '{"schema": "sentemb.run/1"}',
    "file.npy": "taken",
    "file.txt": "x\n",
}

CASES = [
    ("train --data missing.txt", 3, "No file 'missing.txt'"),
    ("train --data empty.txt", 3, "empty.txt holds no row"),
    ("train --data wrong.csv", 3, "Did you mean 'txet'?"),
    ("train --data wrong.csv --columns text", 3, "no column 'text'; it has txet"),
    ("train --data triplets.csv -m simcse-sup --batch-size 2", 3, "row 3 has no negative"),
    ("train --data few.txt --batch-size 64", 2, "batch of 64 is larger than the data (3 rows)"),
    ("train --method simsce", 2, "Unknown method 'simsce'"),
    ("train --model nowhere/at/all", 3, "No model 'nowhere/at/all'"),
    ("train --model mimi", 3, "Did you mean 'mini'?"),
    ("train --output full", 2, "Output folder 'full' is not empty"),
    ("train --output full --overwrite", 2, "holds no run of sentemb"),
    ("train --resume -o new", 2, "Nothing to resume: 'new' is not a folder."),
    ("train --resume -o full", 2, "Nothing to resume: 'full' holds no run of sentemb."),
    ("train --seeds 0-1 --resume -o full", 2, "'full' holds no run of sentemb."),
    ("train --seeds 0-1 --overwrite -o ran", 2, "'ran' holds one run, which these --seeds would"),
    ("train --seeds 0-1 --overwrite -o seeds", 2, "'seeds' holds seed-2, which these --seeds"),
    ("finetune --seeds 0-1 --overwrite -o seeds", 2, "'seeds' holds seed-2, which these --seeds"),
    ("finetune --resume -o new", 2, "Nothing to resume: 'new' is not a folder."),
    ("train --pooling meen", 2, "Did you mean 'mean'?"),
    ("train --precision fp8", 2, "precision must be one of"),
    ("train --temperature 0", 2, "temperature must be a positive number"),
    ("train --temperatur 1", 2, "--temperature"),
    ("train --batch-size many", 2, "batch-size"),
    ("train --seeds 3-1", 2, "--seeds"),
    ("train --seeds x", 2, "--seeds takes 0-4 or 1,7,42"),
    ("train --dev constant.tsv", 3, "all 2 scores are 3"),
    ("train --dev words.tsv", 3, "row 3: score 'high' is not a finite number"),
    ("train --select spearman --data few.txt --batch-size 2", 2, "needs a dev set"),
    ("evaluate mini --sts missing.tsv", 3, "No file 'missing.tsv'"),
    ("evaluate mini --sts constant.tsv", 3, "no ranking can be compared"),
    ("evaluate mini --sts words.tsv", 3, "row 3"),
    ("evaluate mini --sts wrong.csv", 3, "no column 'sentence1'"),
    ("evaluate nothing", 3, "No model 'nothing'"),
    ("encode missing.txt", 3, "No file 'missing.txt'"),
    ("encode missing", 3, "No file 'missing'"),
    ("encode late.jsonl", 3, "late.jsonl: its first row has no column 'text'; it has other"),
    ("encode twice.csv", 3, "twice.csv has two columns called 'text'"),
    ("encode empty.txt", 3, "empty.txt holds no row"),
    ("encode blank.csv --empty error", 3, "Row 3 is empty"),
    ("encode notes.xyz", 3, "unknown format '.xyz'"),
    ("encode texts.jsonl -o texts.jsonl --overwrite", 2, "is the input"),
    ("encode file.txt", 2, "Output 'file.npy' exists"),
    ("encode few.txt -o few.doc", 2, "Cannot write 'few.doc'"),
    ("encode few.txt -o few.txt/few.npy", 2, "'few.txt' is not a folder"),
    ("encode few.txt -o no/such/few.npy --dims 97", 2, "--dims must be at most 96"),
    ("encode few.txt -o no/few.npy --keep-columns", 2, "must end in .jsonl, .parquet, .csv; got"),
    ("encode - -o few.jsonl --keep-columns", 2, "stdin has lines of text alone"),
    ("encode few.txt -o few.npy --device cuda:9", 2, "device 'cuda:9' is not available"),
    ("encode wrong.csv", 3, "Did you mean 'txet'?"),
    ("encode -", 2, "give --output"),
    ("encode few.txt -o - --json", 2, "both want stdout"),
    ("encode few.txt -o - --shard 1/2", 2, "A shard is kept beside a file"),
    ("encode few.txt -o a.npy --shard 3/2", 2, "I/N with I from 1 to N, as 2/7; got 3/2"),
    ("merge a.npy", 3, "Found no shard beside 'a.npy'"),
    ("merge a.npy file.txt", 3, "No folder 'file.txt'"),
    ("merge gone/a.npy", 3, "Found no shard beside 'gone/a.npy'"),
    ("evaluate --sts graded.tsv file.txt", 2, "the model comes first"),
    ("train --max-length 500", 2, "encoder takes 128 tokens"),
    ("train -m simcse-sup --data pairs.csv --batch-size 2 --hard-negative-weight 2", 2, "hard neg"),
    ("train --resume --overwrite", 2, "give one of them"),
    ("info nothing", 3, "No model 'nothing'"),
    ("trian", 2, "train"),
    ("train -m moco --queue-size 16 --batch-size 64", 2, "A queue of 16 cannot hold a batch of 64"),
    (
        "train -m swav --prototypes 999 --batch-size 64",
        2,
        "A batch of 64 and a queue of 256 are fewer texts than",
    ),
    ("train -m swav --prototypes 1", 2, "--prototypes must be at least 2, got 1"),
    ("train -m byol --momentum 1.5", 2, "weight of the old target, in [0, 1], got 1.5"),
    (
        "train -m esimcse --queue-size -1",
        2,
        "--queue-size must be at least 1, got -1",
    ),
    ("train -m moco --matryoshka 32", 2, "compares the output of a head"),
    ("train -m moco --loss supcon-out --max-steps 9 --queue-size 64", 2, "SupCon finds positives"),
    ("train --micro-batch -1", 2, "--micro-batch must be at least 0, got -1"),
    ("train --on-collapse explode", 2, "--on-collapse must be one of warn, stop; got 'explode'"),
    ("train --view adversarial --view clean --micro-batch 8", 2, "leave --micro-batch out"),
    ("train --view shufle", 2, "Did you mean 'shuffle'?"),
    (
        "train --view token-cutoff:1.5 --view clean",
        2,
        "TokenCutoff takes a rate in [0, 1]",
    ),
    ("train --view crop:much", 2, "'crop': rate takes a number, got 'much'"),
    ("train --view crop:0.1,length=3", 2, "'crop' has no option 'length'; it takes rate"),
    ("train --view shuffle:0.3", 2, "'shuffle' takes no option, got 'shuffle:0.3'"),
    ("train --view crop+eda", 2, "both change the same stage"),
    ("train --view clean --view crop --view eda", 2, "simcse-unsup has 2 views (of text, text)"),
    ("train --view eda:0.1,synonyms=wordnett", 2, "Did you mean 'wordnet'?"),
    ("train --view eda:0.1,keep-negations=maybe", 2, "takes yes or no, got 'maybe'"),
    ("train --view adversarial:0", 2, "Adversarial takes a positive norm, got 0"),
    ("train --view clean --view supervised-adversarial", 2, "needs labelled pairs"),
    ("train --method consert --view clean", 3, "Both views of every sentence have the same"),
    ("train --loss flatnse", 2, "Did you mean 'flatnce'?"),
    ("train --loss ntxent:-1", 2, "temperature must be a positive number"),
    ("train --method consert-sup --loss ntxent", 2, "adds up several losses"),
    ("train --method consert-sup --data pairs.csv", 3, "needed are sentence1"),
    ("train --method consert-sup --data one.tsv --batch-size 2", 3, "one label only, 'yes'"),
    ("train --method consert-sup --data gap.tsv --batch-size 2", 3, "row 3 has no label"),
    ("train --method eda --synonyms thesaurus", 2, "synonyms"),
    ("views --model nothing x", 3, "No model 'nothing'"),
    ("views x --view adversarial", 2, "can be trained with, not shown"),
    ("train --method consert-sup --view supervised-adversarial", 2, "each seen clean and attacked"),
    ("train --method consert --dropout 2", 2, "dropout is a rate in [0, 1], got 2"),
    (
        "train --method simcse-sup --data pairs.csv --columns anchor,positive,anchor,x",
        3,
        "no column",
    ),
    ("train --data pairs.csv --columns anchor,positive", 3, "needed are text"),
    ("train --view crop:0.1,rate=0.2", 2, "rate is given twice"),
    ("train --method crop --rate 0.3 --view shuffle", 2, "--rate has no effect beside --view"),
    ("train --method eda --keep-negations --view eda", 2, "--keep-negations has no effect"),
    ("train --temperature 0.2 --loss ntxent", 2, "--temperature has no effect beside --loss"),
    ("train --view clean:1", 2, "'clean' takes no option, got 'clean:1'"),
    ("train --method consert --view supervised-adversarial", 2, "needs labelled pairs"),
    ("train --method consert-sup --data gold.tsv --batch-size 2", 3, "row 2 has no label"),
    (
        "train --method consert-sup --data wide.tsv",
        3,
        "so they look like scores",
    ),
    ("train --method consert-sup --data plain.tsv", 3, "(missing: label)"),
    ("views x --seed -1", 2, "--seed"),
    ("views --view crop", 2, "needs a sentence"),
    ("views x --view gaussian-noise:1e30", 2, "infinite or undefined"),
    ("views x --view croop", 2, "Did you mean 'crop'?"),
]


@pytest.mark.sampled
@pytest.mark.parametrize(("command", "code", "message"), CASES, ids=[c for c, *_ in CASES])
def test_wrong_input(sentemb, tmp_path, command, code, message):
    for name, content in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    process = sentemb(*command.split(), stdin=b"")
    stderr = process.stderr.decode()
    assert process.returncode == code, stderr
    assert message in stderr
    assert "Traceback" not in stderr
    assert stderr.count("error: ") <= 1
    assert process.stdout == b""
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_an_internal_error_is_one_line_and_a_report(sentemb, tmp_path):
    from sentemb_cli.main import _explain

    line, code = _explain(ZeroDivisionError("by nothing"))
    assert code == 70
    assert line.startswith("internal error, ZeroDivisionError: by nothing (report: ")


def test_memory_and_disk_have_codes_of_their_own():
    from sentemb_cli.main import _explain

    assert _explain(MemoryError())[1] == 6
    assert _explain(OSError(28, "No space left on device"))[1] == 4
