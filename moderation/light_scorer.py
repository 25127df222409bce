"""The default scorer: the linear model that alt-profanity-check ships, read as data and added up word by word."""

import array
import hashlib
import importlib.util
import io
import math
import pickle
import re
import struct
import sys
import typing
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from moderation.reading import unmask
from moderation.scorer import ScorerUnavailable, Scores

PACKAGE = "profanity_check"
# The files of release 1.9.1: another release may store its model in another way, and a changed file is not our choice.
SHA256 = {
    "vectorizer.joblib": "19c5200dc6a41f026e0558e2f164f5fe8d8f58e502b46b37e4385037fcfa4831",
    "model.joblib": "aeafc04849d4d93db4721cf30a86ebf22085595294b8a07d51918e7fa98f538b",
}
MAX_WORDS = 8
# In log odds: a word that adds less explains nothing.
MIN_SHARE = 0.1
_WORD = re.compile(r"\b\w\w+\b")


class Classifier(msgspec.Struct, frozen=True):
    """One linear classifier and the sigmoid that turns its distance into a probability."""

    coefficients: Sequence[float]
    intercept: float
    slope: float
    offset: float


class Model(msgspec.Struct, frozen=True):
    """The column of each word, each column's idf, and the classifiers whose probabilities are averaged."""

    columns: dict[str, int]
    idf: Sequence[float]
    classifiers: tuple[Classifier, ...]


class LightScorer:
    """English only. Costs some microseconds a word and a few megabytes, so it runs where it is called."""

    name = "light"
    labels = ("toxicity",)
    languages = frozenset({"en"})

    def __init__(self) -> None:
        self._model: Model | None = None

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """Raises ScorerUnavailable where the package's files are missing or not the ones we know."""
        if self._model is None:
            self._model = load_model()
        return [score_text(self._model, unmask(text)) for text in texts]

    async def close(self) -> None:
        return None


def score_text(model: Model, text: str) -> Scores:
    """The mean probability of the classifiers, and the words that raised it, with their share of the log odds."""
    counts = Counter(word for word in _WORD.findall(text.lower()) if word in model.columns)
    weights = {word: count * model.idf[model.columns[word]] for word, count in counts.items()}
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    total = 0.0
    shares = dict.fromkeys(weights, 0.0)
    for classifier in model.classifiers:
        distance = classifier.intercept
        for word, weight in weights.items():
            part = weight / length * classifier.coefficients[model.columns[word]]
            distance += part
            shares[word] -= classifier.slope * part / len(model.classifiers)
        total += 1 / (1 + math.exp(classifier.slope * distance + classifier.offset))
    strongest = sorted(shares.items(), key=lambda item: -item[1])[:MAX_WORDS]
    carried = tuple((word, round(share, 3)) for word, share in strongest if share >= MIN_SHARE)
    return Scores(values={"toxicity": total / len(model.classifiers)}, words=carried)


def load_model(folder: Path | None = None) -> Model:
    """The model in `folder`, else in the installed package; raises ScorerUnavailable."""
    folder = folder or _package_folder()
    vectorizer = _read(folder / "vectorizer.joblib")
    classifiers = _read(folder / "model.joblib").calibrated_classifiers_
    return Model(
        columns=vectorizer.vocabulary_,
        idf=vectorizer._tfidf.idf_.values,  # noqa: SLF001  a stored field, as the file spells it
        classifiers=tuple(_classifier(classifier) for classifier in classifiers),
    )


def _classifier(stored: typing.Any) -> Classifier:
    calibrator = stored.calibrators[0]
    return Classifier(
        coefficients=stored.estimator.coef_.values,
        intercept=stored.estimator.intercept_.values[0],
        slope=calibrator.a_,
        offset=calibrator.b_,
    )


def _package_folder() -> Path:
    # The package is found, not imported: importing it loads scikit-learn, 130 MB and some seconds.
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ScorerUnavailable("The light scorer's package alt-profanity-check is not installed.")
    return Path(spec.submodule_search_locations[0], "data")


def _read(path: Path) -> typing.Any:
    try:
        content = path.read_bytes()
    except OSError:
        raise ScorerUnavailable(f"The light scorer's file {path.name} cannot be read.") from None
    if hashlib.sha256(content).hexdigest() != SHA256[path.name]:
        raise ScorerUnavailable(f"The light scorer's file {path.name} is not the one of alt-profanity-check 1.9.1.")
    return _Unpickler(io.BytesIO(content)).load()


class _Stored:
    """Stands in for a class of scikit-learn or numpy: keeps what was stored and runs none of their code."""

    def __init__(self, *args: object) -> None:
        self.args = args

    def __setstate__(self, state: object) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _StoredArray(_Stored):
    """joblib writes an array's bytes into the stream, right behind the pickled description of the array."""

    stream: io.BytesIO
    shape: tuple[int, ...]
    dtype: _Stored

    def __setstate__(self, state: object) -> None:
        super().__setstate__(state)
        padding = self.stream.read(1)[0]
        self.stream.read(padding)
        self.values = array.array({"f8": "d", "i8": "q"}[str(self.dtype.args[0])])
        self.values.frombytes(self.stream.read(math.prod(self.shape) * 8))
        if sys.byteorder == "big":
            self.values.byteswap()


class _Unpickler(pickle.Unpickler):
    """Knows the few names that the two files use; any other name ends the reading."""

    STORED = frozenset({
        ("numpy", "dtype"), ("numpy", "ndarray"),
        ("sklearn.calibration", "CalibratedClassifierCV"), ("sklearn.calibration", "_CalibratedClassifier"),
        ("sklearn.calibration", "_SigmoidCalibration"), ("sklearn.svm._classes", "LinearSVC"),
        ("sklearn.feature_extraction.text", "TfidfVectorizer"), ("sklearn.feature_extraction.text", "TfidfTransformer"),
    })  # fmt: skip

    def __init__(self, stream: io.BytesIO) -> None:
        super().__init__(stream)
        self._array = type("_ArrayHere", (_StoredArray,), {"stream": stream})

    def find_class(self, module: str, name: str) -> typing.Any:
        if (module, name) == ("joblib.numpy_pickle", "NumpyArrayWrapper"):
            return self._array
        if name == "scalar" and module.startswith("numpy"):
            return _scalar
        if name == "float64" and module == "numpy":
            return float
        if (module, name) in self.STORED:
            return _Stored
        # A pickle can name any function of any module, so what is not needed is refused.
        raise pickle.UnpicklingError(f"{module}.{name} is not expected in a linear model")


def _scalar(dtype: _Stored, content: bytes) -> float | int:
    number: float | int = struct.unpack({"f8": "<d", "i8": "<q"}[str(dtype.args[0])], content)[0]
    return number
