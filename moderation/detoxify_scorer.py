"""Scores with detoxify in a process of its own, so that torch can be slow, large or broken without harm to us."""

import asyncio
import contextlib
import os
import typing
from asyncio.subprocess import PIPE, Process
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from moderation.reading import unmask
from moderation.scorer import ScorerUnavailable, Scores

PROGRAM = Path(__file__).resolve().parent / "ml" / "detoxify_process.py"

# By the model family that the tokenizer folder's config.json names.
LABELS = {
    "original": ("toxicity", "severe_toxicity", "obscene", "threat", "insult", "identity_attack"),
    "multilingual": (
        "toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit",
    ),
}  # fmt: skip
LANGUAGES = {
    "original": frozenset({"en"}),
    "multilingual": frozenset({"en", "es", "fr", "it", "pt", "ru", "tr"}),
}

# The process gets nothing of our environment: it needs no database address, and it may not use the network.
_ENVIRONMENT = {
    "PATH": os.defpath,
    "LC_ALL": "C.UTF-8",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    # A checkpoint is a pickle, and detoxify loads it with everything allowed; this overrules it.
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
}


class DetoxifySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Files and limits; times are in seconds. A text is read in pieces, at most `max_pieces` of them."""

    python: str
    checkpoint: str
    tokenizer: str
    timeout: float = 30.0
    start_timeout: float = 180.0
    first_pause: float = 2.0
    longest_pause: float = 300.0
    batch_size: int = 8
    piece_characters: int = 1_000
    max_pieces: int = 8
    memory_megabytes: int = 4_096


class _Config(msgspec.Struct):
    model_type: str = ""


class _Loaded(msgspec.Struct, forbid_unknown_fields=True):
    """The first line: what the model can tell, or why it could not be loaded."""

    labels: tuple[str, ...] = ()
    error: str = ""


_Score = typing.Annotated[float, msgspec.Meta(ge=0, le=1)]
_loaded = msgspec.json.Decoder(_Loaded)
_scored = msgspec.json.Decoder(list[dict[str, _Score]])


def model_of(tokenizer: str) -> str:
    """`original` or `multilingual`, by the folder's config.json; English only where that cannot be read."""
    try:
        config = msgspec.json.decode(Path(tokenizer, "config.json").read_bytes(), type=_Config)
    except (OSError, msgspec.DecodeError):
        return "original"
    return "multilingual" if config.model_type == "xlm-roberta" else "original"


class DetoxifyScorer:
    """Starts its process at the first score, and again after a fault with growing pauses. One batch runs at a time."""

    name = "detoxify"

    def __init__(self, settings: DetoxifySettings) -> None:
        self.settings = settings
        model = model_of(settings.tokenizer)
        self.labels = LABELS[model]
        self.languages = LANGUAGES[model]
        self._turn = asyncio.Lock()
        self._process: Process | None = None
        self._starting: asyncio.Task[Process] | None = None
        self._fault = ""
        self._pause = settings.first_pause
        self._not_before = 0.0

    @property
    def pid(self) -> int | None:
        """The process that answers, if one is ready."""
        return self._process.pid if self._process else None

    async def score(self, texts: Sequence[str]) -> list[Scores]:
        """The highest score of each text's pieces; raises ScorerUnavailable, at the latest after `timeout` seconds."""
        pieces = [list(self._pieces(text)) for text in texts]
        flat = [piece for some in pieces for piece in some]
        values = await self._score_within(flat, asyncio.get_running_loop().time() + self.settings.timeout)
        answers = iter(values)
        return [_highest([next(answers) for _ in some]) for some in pieces]

    async def close(self) -> None:
        """Ends the process; a later score starts it anew."""
        if self._starting:
            starting, self._starting = self._starting, None
            starting.cancel()
            await asyncio.wait([starting])
            # It may have ended just before: then its process is ours to end.
            if not starting.cancelled() and not starting.exception():
                await _end(starting.result())
        if self._process:
            process, self._process = self._process, None
            await _end(process)

    def _pieces(self, text: str) -> Iterator[str]:
        """The text in an honest spelling, cut at blanks where there are some."""
        rest = unmask(text[: self.settings.piece_characters * self.settings.max_pieces]).strip()
        for _ in range(self.settings.max_pieces):
            cut = len(rest)
            if cut > self.settings.piece_characters:
                cut = rest.rfind(" ", 1, self.settings.piece_characters) + 1 or self.settings.piece_characters
            yield rest[:cut]
            if not (rest := rest[cut:].lstrip()):
                return

    async def _score_within(self, pieces: list[str], deadline: float) -> list[dict[str, float]]:
        try:
            async with asyncio.timeout_at(deadline):
                await self._turn.acquire()
        except TimeoutError:
            raise ScorerUnavailable("Detoxify has more to read than it can manage.") from None
        try:
            process = await self._ready(deadline)
            size = self.settings.batch_size
            batches = [pieces[i : i + size] for i in range(0, len(pieces), size)]
            return [scores for batch in batches for scores in await self._ask(process, batch, deadline)]
        finally:
            self._turn.release()

    async def _ask(self, process: Process, batch: list[str], deadline: float) -> list[dict[str, float]]:
        """One batch's answer. After any fault the process ends: its next line could be the answer to this question."""
        assert process.stdin
        assert process.stdout
        try:
            async with asyncio.timeout_at(deadline):
                process.stdin.write(msgspec.json.encode(batch) + b"\n")
                await process.stdin.drain()
                line = await process.stdout.readline()
            if not line:
                raise await self._failed("Detoxify's process ended while it was scoring.")
            scores = _scored.decode(line)
        except TimeoutError:
            raise await self._failed(f"Detoxify did not answer within {self.settings.timeout:g} seconds.") from None
        except OSError:
            raise await self._failed("Detoxify's process ended while it was scoring.") from None
        except ValueError:
            raise await self._failed("Detoxify's process gave an answer that makes no sense.") from None
        except asyncio.CancelledError:
            await self.close()
            raise
        if len(scores) != len(batch):
            raise await self._failed("Detoxify's process gave an answer that makes no sense.")
        self._pause = self.settings.first_pause
        return scores

    async def _ready(self, deadline: float) -> Process:
        """The running process. Loading takes long and goes on where this gives up, for the next caller."""
        if self._process and self._process.returncode is None:
            return self._process
        if self._process:
            raise await self._failed("Detoxify's process ended.")
        if self._starting is None:
            self._check_pause()
            self._starting = asyncio.create_task(self._start())
        done, _ = await asyncio.wait([self._starting], timeout=deadline - asyncio.get_running_loop().time())
        if not done:
            raise ScorerUnavailable("Detoxify is still being loaded.")
        starting, self._starting = self._starting, None
        try:
            self._process = starting.result()
        except ScorerUnavailable as error:
            raise await self._failed(str(error)) from None
        return self._process

    def _check_pause(self) -> None:
        wait = self._not_before - asyncio.get_running_loop().time()
        if wait > 0:
            raise ScorerUnavailable(f"{self._fault} It is tried again in {wait:.0f} seconds.")

    async def _failed(self, fault: str) -> ScorerUnavailable:
        """Ends the process and makes the next start wait, longer after each fault."""
        await self.close()
        self._fault = fault
        self._not_before = asyncio.get_running_loop().time() + self._pause
        self._pause = min(2 * self._pause, self.settings.longest_pause)
        return ScorerUnavailable(fault)

    async def _start(self) -> Process:
        settings = self.settings
        for file, purpose in ((settings.checkpoint, "checkpoint"), (settings.tokenizer, "tokenizer folder")):
            if not file or not Path(file).exists():
                raise ScorerUnavailable(f"Detoxify's {purpose} {file or '(none is set)'} does not exist.")
        process = await self._spawn()
        try:
            async with asyncio.timeout(settings.start_timeout):
                assert process.stdout
                first = _loaded.decode(await process.stdout.readline() or b'{"error": "its process ended"}')
            if first.error or not first.labels:
                raise ScorerUnavailable(f"Detoxify could not be loaded: {first.error or 'it has no labels'}")
        except TimeoutError:
            await _end(process)
            raise ScorerUnavailable(f"Detoxify was not loaded within {settings.start_timeout:g} seconds.") from None
        except ValueError:
            await _end(process)
            raise ScorerUnavailable("Detoxify's process gave an answer that makes no sense.") from None
        except BaseException:
            await _end(process)
            raise
        self.labels = first.labels
        return process

    async def _spawn(self) -> Process:
        settings = self.settings
        arguments = (settings.checkpoint, settings.tokenizer, str(settings.memory_megabytes))
        try:
            return await asyncio.create_subprocess_exec(
                settings.python, "-I", str(PROGRAM), *arguments,
                stdin=PIPE, stdout=PIPE, env=_ENVIRONMENT,
            )  # fmt: skip
        except OSError as error:
            reason = f"{settings.python} cannot be run ({error.strerror}); `make ml` installs it."
            raise ScorerUnavailable(f"Detoxify is not installed: {reason}") from None


def _highest(pieces: list[dict[str, float]]) -> Scores:
    return Scores({label: max(piece[label] for piece in pieces) for label in pieces[0]})


async def _end(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    await process.wait()
    if process.stdin:
        process.stdin.close()
