"""detoxify in its process: scores through its own loading code, and every fault is told in plain words."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from moderation import detoxify_scorer
from moderation.detoxify_scorer import DetoxifyScorer, DetoxifySettings, model_of
from moderation.scorer import ScorerUnavailable

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / ".venv-ml/bin/python"

needs_detoxify = pytest.mark.skipif(not PYTHON.exists(), reason="detoxify is not installed; `make ml` installs it")

# Stands in for detoxify's process where only our side is tried: its behaviour is the checkpoint's name.
STAND_IN = """
import json, os, pathlib, signal, sys
behaviour = pathlib.Path(sys.argv[1]).name
def answer(value): print(json.dumps(value), flush=True)
if behaviour == "silent": signal.pause()
if behaviour == "broken": answer({"error": "ValueError: bad weights"}); sys.exit(1)
if behaviour == "gone": sys.exit(1)
if behaviour == "babble": print("loading...", flush=True); signal.pause()
answer({"labels": ["toxicity"]})
for line in sys.stdin:
    texts = json.loads(line)
    if behaviour == "lengths": answer([{"toxicity": len(text) / 10_000} for text in texts])
    if behaviour == "environment": answer([{name: 1.0 for name in os.environ}])
    if behaviour == "slow_later":
        answer([{"toxicity": 0.5} for text in texts])
        signal.pause()
    if behaviour == "crash": os.kill(os.getpid(), signal.SIGKILL)
    if behaviour == "nonsense": print("{")
    if behaviour == "beyond": answer([{"toxicity": 1.5} for text in texts])
    if behaviour == "short": answer([])
    sys.stdout.flush()
"""

Make = Callable[..., DetoxifyScorer]


@pytest.fixture
async def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Make]:
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN)
    monkeypatch.setattr(detoxify_scorer, "PROGRAM", program)
    made: list[DetoxifyScorer] = []

    def make(behaviour: str, **more: float) -> DetoxifyScorer:
        checkpoint = tmp_path / behaviour
        checkpoint.touch()
        settings = DetoxifySettings(python=sys.executable, checkpoint=str(checkpoint), tokenizer=str(tmp_path))
        made.append(DetoxifyScorer(msgspec.structs.replace(settings, **({"first_pause": 0.0} | more))))
        return made[-1]

    yield make
    for scorer in made:
        await scorer.close()


async def reason(scoring: Awaitable[object]) -> str:
    with pytest.raises(ScorerUnavailable) as unavailable:
        await scoring
    return str(unavailable.value)


async def test_missing_python_is_told(stand_in: Make) -> None:
    scorer = stand_in("lengths")
    scorer.settings = msgspec.structs.replace(scorer.settings, python="/nowhere/bin/python")
    assert "`make ml` installs it" in await reason(scorer.score(["hello"]))


@pytest.mark.parametrize("field", ["checkpoint", "tokenizer"])
async def test_missing_files_are_told(stand_in: Make, field: str) -> None:
    for value in ("/nowhere/it", ""):
        scorer = stand_in("lengths")
        scorer.settings = msgspec.structs.replace(scorer.settings, **{field: value})
        assert f"{field}" in await reason(scorer.score(["hello"]))
        assert "does not exist" in await reason(scorer.score(["hello"]))


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("broken", "could not be loaded: ValueError: bad weights"),
        ("gone", "could not be loaded: its process ended"),
        ("babble", "makes no sense"),
        ("crash", "ended while it was scoring"),
        ("nonsense", "makes no sense"),
        ("beyond", "makes no sense"),
        ("short", "makes no sense"),
    ],
)
async def test_faults_of_the_process_are_told(stand_in: Make, behaviour: str, told: str) -> None:
    scorer = stand_in(behaviour)
    assert told in await reason(scorer.score(["hello"]))
    assert scorer.pid is None
    assert told in await reason(scorer.score(["hello"]))


async def test_slow_answer_ends_the_process(stand_in: Make) -> None:
    scorer = stand_in("slow_later")
    await scorer.score(["hello"])
    scorer.settings = msgspec.structs.replace(scorer.settings, timeout=0.05)
    assert "did not answer within 0.05 seconds" in await reason(scorer.score(["hello"]))
    assert scorer.pid is None


async def test_a_caller_who_gives_up_leaves_no_answer_behind(stand_in: Make) -> None:
    scorer = stand_in("slow_later")
    await scorer.score(["hello"])
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(scorer.score(["hello"]), 0.05)
    assert scorer.pid is None
    assert await scorer.score(["hello"])


async def test_slow_loading_goes_on_for_the_next_caller(stand_in: Make) -> None:
    scorer = stand_in("silent", timeout=0.05, start_timeout=0.5)
    assert await reason(scorer.score(["hello"])) == "Detoxify is still being loaded."
    scorer.settings = msgspec.structs.replace(scorer.settings, timeout=20.0)
    assert "not loaded within 0.5 seconds" in await reason(scorer.score(["hello"]))


async def test_a_queue_too_long_is_told(stand_in: Make) -> None:
    scorer = stand_in("lengths", timeout=0.05)
    async with scorer._turn:
        assert await reason(scorer.score(["hello"])) == "Detoxify has more to read than it can manage."


async def test_restarts_wait_longer_after_each_fault(stand_in: Make) -> None:
    scorer = stand_in("broken", first_pause=60.0, longest_pause=100.0)
    assert "bad weights" in await reason(scorer.score(["hello"]))
    waiting = await reason(scorer.score(["hello"]))
    assert "bad weights" in waiting
    assert "tried again in 60 seconds" in waiting
    scorer._not_before = 0.0
    await reason(scorer.score(["hello"]))
    assert "tried again in 100 seconds" in await reason(scorer.score(["hello"]))


async def test_a_killed_process_is_started_again(stand_in: Make) -> None:
    scorer = stand_in("lengths")
    await scorer.score(["hello"])
    first = scorer.pid
    assert first
    os.kill(first, signal.SIGKILL)
    assert "ended" in await reason(scorer.score(["hello"]))
    (again,) = await scorer.score(["hello"])
    assert again.values == {"toxicity": 0.0005}
    assert scorer.pid not in (None, first)


async def test_long_texts_are_read_in_pieces_and_batches_keep_their_order(stand_in: Make) -> None:
    scorer = stand_in("lengths", piece_characters=100, max_pieces=3, batch_size=2)
    texts = ["", "a" * 30, "word " * 50, "b" * 5_000]
    assert [len(list(scorer._pieces(text))) for text in texts] == [1, 1, 3, 3]
    assert "".join(scorer._pieces("word " * 50)).split() == ["word"] * 50
    scores = await scorer.score(texts)
    assert [round(score.values["toxicity"] * 10_000) for score in scores] == [0, 30, 100, 100]
    assert await scorer.score([]) == []


async def test_the_process_gets_no_secret_and_no_network(stand_in: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLKMOOT_DATABASE_URL", "postgres://secret@host/moot")
    (scores,) = await stand_in("environment").score(["hello"])
    assert not [name for name in scores.values if name.startswith("FOLKMOOT")]
    assert {"HF_HUB_OFFLINE", "TORCH_FORCE_WEIGHTS_ONLY_LOAD"} <= set(scores.values)


def test_languages_are_those_of_the_model(tmp_path: Path) -> None:
    for model_type, model in (("xlm-roberta", "multilingual"), ("albert", "original"), ("bert", "original")):
        (tmp_path / "config.json").write_text(f'{{"model_type": "{model_type}", "vocab_size": 3}}')
        assert model_of(str(tmp_path)) == model
        settings = DetoxifySettings(python="python", checkpoint="x", tokenizer=str(tmp_path))
        scorer = DetoxifyScorer(settings)
        assert ("fr" in scorer.languages) is (model == "multilingual")
        assert "de" not in scorer.languages
    (tmp_path / "config.json").write_text("no JSON")
    assert model_of(str(tmp_path)) == "original"


# From here on: detoxify itself.


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folders with a small checkpoint and its tokenizer, by model."""
    made: dict[str, Path] = {}

    def folder(model: str) -> Path:
        if model not in made:
            made[model] = tmp_path_factory.mktemp(model)
            maker = Path(__file__).with_name("make_checkpoint.py")
            subprocess.run([PYTHON, maker, model, made[model]], check=True, capture_output=True, timeout=120)
        return made[model]

    return folder


def real_settings(folder: Path, **more: float) -> DetoxifySettings:
    settings = DetoxifySettings(
        python=str(PYTHON), checkpoint=str(folder / "model.ckpt"), tokenizer=str(folder), timeout=120.0, first_pause=0.0
    )
    return msgspec.structs.replace(settings, **more)


@pytest.mark.ml
@needs_detoxify
@pytest.mark.parametrize("model", ["original", "original-small", "multilingual"])
async def test_scores_through_the_real_loading_code(model: str, checkpoints: Callable[[str], Path]) -> None:
    scorer = DetoxifyScorer(real_settings(checkpoints(model)))
    try:
        before = scorer.labels
        scores = await scorer.score(["You are an idiot", "The bins are collected on Tuesday", "long " * 3_000])
        assert scorer.labels == before
        for score in scores:
            assert tuple(score.values) == scorer.labels
            values = list(score.values.values())
            assert values == sorted(values, reverse=True)
            assert values[0] == pytest.approx(0.95, abs=0.02)
            assert values[-1] == pytest.approx(0.05, abs=0.02)
        assert scores[0].values != scores[1].values
        (alone,) = await scorer.score(["You are an idiot"])
        assert alone.values == pytest.approx(scores[0].values, abs=1e-3)
    finally:
        await scorer.close()


@pytest.mark.ml
@needs_detoxify
async def test_stopped_process_is_told_and_replaced(checkpoints: Callable[[str], Path]) -> None:
    scorer = DetoxifyScorer(real_settings(checkpoints("original")))
    try:
        await scorer.score(["hello"])
        stopped = scorer.pid
        assert stopped
        os.kill(stopped, signal.SIGSTOP)
        scorer.settings = real_settings(checkpoints("original"), timeout=0.2)
        assert "did not answer within 0.2 seconds" in await reason(scorer.score(["hello"]))
        scorer.settings = real_settings(checkpoints("original"))
        assert await scorer.score(["hello"])
        assert scorer.pid not in (None, stopped)
    finally:
        await scorer.close()


EVIL = """
import os, sys, torch
class Evil:
    def __reduce__(self): return (os.mkdir, (sys.argv[1] + "/made",))
torch.save({"config": Evil(), "state_dict": {}}, sys.argv[1] + "/evil.ckpt")
"""


@pytest.fixture
def evil_checkpoint(tmp_path: Path) -> Path:
    subprocess.run([PYTHON, "-c", EVIL, tmp_path], check=True, timeout=120)
    return tmp_path / "evil.ckpt"


@pytest.mark.ml
@needs_detoxify
async def test_a_checkpoint_that_carries_code_runs_nothing(
    evil_checkpoint: Path, checkpoints: Callable[[str], Path]
) -> None:
    settings = msgspec.structs.replace(real_settings(checkpoints("original")), checkpoint=str(evil_checkpoint))
    scorer = DetoxifyScorer(settings)
    assert "could not be loaded: UnpicklingError" in await reason(scorer.score(["hello"]))
    assert not (evil_checkpoint.parent / "made").exists()
    await scorer.close()


@pytest.mark.ml
@needs_detoxify
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a stopped process together with its parent")
async def test_the_process_dies_with_its_parent(checkpoints: Callable[[str], Path]) -> None:
    program = (
        "import asyncio, sys\n"
        "from moderation.detoxify_scorer import DetoxifyScorer, DetoxifySettings\n"
        "async def main():\n"
        "    python, checkpoint, tokenizer = sys.argv[1:]\n"
        "    settings = DetoxifySettings(python=python, checkpoint=checkpoint, tokenizer=tokenizer, timeout=120)\n"
        "    scorer = DetoxifyScorer(settings)\n"
        "    await scorer.score(['hello'])\n"
        "    print(scorer.pid, flush=True)\n"
        "    await asyncio.Event().wait()\n"
        "asyncio.run(main())\n"
    )
    folder = checkpoints("original")
    parent = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, PYTHON, folder / "model.ckpt", folder, cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert parent.stdout
    child = int(await parent.stdout.readline())
    watched = os.pidfd_open(child)
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(watched, ended.set)
    # Stopped, it cannot notice the end of its stdin: the kernel has to end it.
    os.kill(child, signal.SIGSTOP)
    parent.kill()
    await parent.wait()
    async with asyncio.timeout(10):
        await ended.wait()
    asyncio.get_running_loop().remove_reader(watched)
    os.close(watched)
