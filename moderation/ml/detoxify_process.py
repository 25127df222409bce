"""Scores texts with detoxify for the process that started it: one line of JSON in, one out. Imports nothing of ours."""

import ctypes
import json
import os
import resource
import signal
import sys
import tempfile
import typing
from pathlib import Path

import torch
from detoxify import Detoxify

# Checkpoints name the model that they were trained from. detoxify 0.5.4 looks such a name up on the network even where
# a local folder is given (unitaryai/detoxify#126); a folder of that name in the current directory is taken instead.
NAMES = ("bert-base-uncased", "albert-base-v2", "roberta-base", "xlm-roberta-base")
# What the models read at most; some tokenizer folders do not say so, and a longer text is then an error.
MAX_TOKENS = 512
_PR_SET_PDEATHSIG = 1


def main(checkpoint: str, tokenizer: str, megabytes: int) -> None:
    """Answers `{"labels": [...]}` or `{"error": ...}` once, then to each list of texts a list of `{label: score}`."""
    answers = os.fdopen(os.dup(1), "w")
    # Whatever the libraries print must not stand between our answers.
    os.dup2(2, 1)
    _stay_bounded(megabytes)
    try:
        model = load(checkpoint, tokenizer)
    except Exception as error:  # noqa: BLE001  whatever is wrong with the files is told to the parent
        _answer(answers, {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"})
        sys.exit(1)
    _answer(answers, {"labels": list(model.class_names)})
    for line in sys.stdin:
        _answer(answers, score(model, json.loads(line)))


def load(checkpoint: str, tokenizer: str) -> typing.Any:
    """The model, by detoxify's own loading code."""
    folder = Path(tokenizer).absolute()
    checkpoint = str(Path(checkpoint).absolute())
    with tempfile.TemporaryDirectory(prefix="folkmoot-detoxify-") as links:
        for name in NAMES:
            Path(links, name).symlink_to(folder, target_is_directory=True)
        os.chdir(links)
        model = Detoxify(checkpoint=checkpoint)
        os.chdir("/")
    model.tokenizer.model_max_length = min(model.tokenizer.model_max_length, MAX_TOKENS)
    return model


def score(model: typing.Any, texts: list[str]) -> list[dict[str, float]]:
    """One dictionary a text. For a list of one text detoxify gives bare numbers."""
    columns = model.predict(texts)
    if len(texts) == 1:
        return [dict(columns)]
    return [{label: values[row] for label, values in columns.items()} for row in range(len(texts))]


def _answer(answers: typing.TextIO, answer: object) -> None:
    answers.write(json.dumps(answer) + "\n")
    answers.flush()


def _stay_bounded(megabytes: int) -> None:
    """Ends with the parent, takes one core and no more memory than allowed."""
    if sys.platform == "linux":
        # The end of stdin ends us as well, but only between two answers.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    torch.set_num_threads(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
