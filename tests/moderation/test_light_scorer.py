"""The light scorer reads the shipped model as data and gives the very scores of the package that ships it."""

import csv
import hashlib
import importlib
import os
import pickle
import random
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from moderation import light_scorer
from moderation.light_scorer import LightScorer, Model, load_model, score_text
from moderation.scorer import ScorerUnavailable

ROOT = Path(__file__).resolve().parents[2]
LABELLED = ROOT / "../shared/moderation-data/surge-toxicity-en.csv"


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model()


def sample_texts(model: Model, number: int) -> list[str]:
    """Texts of known and unknown words, repeated words, capitals, punctuation and other alphabets."""
    chance = random.Random(7)
    known = sorted(model.columns)
    others = ["Straße", "ÄRGER", "x", "Нет", "don't", "well-known", "naïve", "2026", "😀", "snake_case", "the", "and"]
    texts = ["", " ", "!!!", "the and of", "STUPID idiot", "İstanbul"]
    while len(texts) < number:
        words = [chance.choice(known if chance.random() < 0.7 else others) for _ in range(chance.randint(1, 60))]
        words += words[: chance.randint(0, 5)]
        texts.append(
            chance.choice([" ", ", ", "\n", "... "]).join(word.upper() if len(word) == 5 else word for word in words)
        )
    return texts


def test_scores_equal_those_of_the_package(model: Model) -> None:
    texts = sample_texts(model, 500)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = importlib.import_module("profanity_check").predict_prob(texts)
    ours = [score_text(model, text).values["toxicity"] for text in texts]
    assert len(ours) == 500
    assert ours == pytest.approx(list(expected), abs=1e-6)


def test_words_that_carried_the_score_come_strongest_first(model: Model) -> None:
    scores = score_text(model, "You stupid idiot, the bins are collected on Tuesday")
    words = [word for word, _ in scores.words]
    assert set(words[:2]) == {"stupid", "idiot"}
    assert "collected" not in words
    weights = [weight for _, weight in scores.words]
    assert weights == sorted(weights, reverse=True)
    assert min(weights) > 0
    assert score_text(model, "qqzzx").words == ()


def test_work_grows_with_the_text_alone(model: Model) -> None:
    assert 0 <= score_text(model, "idiot " * 10_000).values["toxicity"] <= 1
    assert 0 <= score_text(model, "a" * 65_536).values["toxicity"] <= 1


async def test_scorer_names_its_language_and_label() -> None:
    scorer = LightScorer()
    assert scorer.languages == {"en"}
    assert scorer.labels == ("toxicity",)
    rude, kind = await scorer.score(["fuck you, asshole", "Thank you for the lovely cake"])
    assert rude.values["toxicity"] > 0.9 > 0.2 > kind.values["toxicity"]
    await scorer.close()


async def test_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(light_scorer, "PACKAGE", "no_such_package_here")
    with pytest.raises(ScorerUnavailable, match="not installed"):
        await LightScorer().score(["hello"])


def test_changed_file_is_refused(tmp_path: Path) -> None:
    for name in light_scorer.SHA256:
        shutil.copy(light_scorer._package_folder() / name, tmp_path / name)
    assert load_model(tmp_path).columns
    (tmp_path / "model.joblib").write_bytes((tmp_path / "model.joblib").read_bytes() + b"\0")
    with pytest.raises(ScorerUnavailable, match=r"model\.joblib is not the one"):
        load_model(tmp_path)
    (tmp_path / "vectorizer.joblib").unlink()
    with pytest.raises(ScorerUnavailable, match=r"vectorizer\.joblib cannot be read"):
        load_model(tmp_path)


def test_a_pickle_that_names_a_function_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (os.mkdir, (str(tmp_path / "made"),))

    content = pickle.dumps(Evil())
    (tmp_path / "model.joblib").write_bytes(content)
    monkeypatch.setitem(light_scorer.SHA256, "model.joblib", hashlib.sha256(content).hexdigest())
    with pytest.raises(pickle.UnpicklingError, match="not expected"):
        light_scorer._read(tmp_path / "model.joblib")
    assert not (tmp_path / "made").exists()


def test_heavy_libraries_stay_out_and_memory_small() -> None:
    program = (
        "import resource, sys\n"
        "from moderation import light_scorer\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "light_scorer.score_text(light_scorer.load_model(), 'you idiot')\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
        "print([name for name in ('sklearn', 'scipy', 'numpy', 'joblib') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    kilobytes, heavy = done.stdout.splitlines()
    assert int(kilobytes) < 20_000
    assert heavy == "[]"


def labelled() -> tuple[list[str], list[str]]:
    """Toxic and harmless texts."""
    with LABELLED.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    toxic = [row["text"] for row in rows if row["is_toxic"] == "Toxic"]
    return toxic, [row["text"] for row in rows if row["is_toxic"] != "Toxic"]


async def separation(toxic: list[str], harmless: list[str]) -> float:
    """The share of pairs in which the toxic text scores higher (AUC)."""
    scorer = LightScorer()
    high = [scores.values["toxicity"] for scores in await scorer.score(toxic)]
    low = [scores.values["toxicity"] for scores in await scorer.score(harmless)]
    return sum((a > b) + (a == b) / 2 for a in high for b in low) / (len(high) * len(low))


@pytest.mark.skipif(not LABELLED.exists(), reason="the labelled texts of ../shared/moderation-data are not here")
@pytest.mark.parametrize(
    "disguise",
    [
        lambda text: text,
        "\u200b".join,
        lambda text: text.translate(str.maketrans("aeopcxyi", "аеорсхуі")),  # to Cyrillic look-alikes
        lambda text: text.lower().translate(str.maketrans("aeios", "4310$")),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),  # to full width
        lambda text: "   ".join(" ".join(word) for word in text.split()),
    ],
    ids=["plain", "zero_width", "cyrillic", "digits", "full_width", "spaced_out"],
)
async def test_separates_toxic_from_harmless_in_spite_of_disguises(disguise: Callable[[str], str]) -> None:
    toxic, harmless = labelled()
    assert min(len(toxic), len(harmless)) > 400
    assert await separation([disguise(text) for text in toxic], harmless) >= 0.8
