"""The process's one scorer, chosen by the settings, and what comes of asking it."""

import time
import typing

import msgspec
import structlog

from moderation.detoxify_scorer import DetoxifyScorer, DetoxifySettings
from moderation.light_scorer import LightScorer
from moderation.scorer import Scorer, ScorerUnavailable, Scores
from server.messages import Message
from server.runtime import Runtime
from server.settings import Settings

log = structlog.get_logger(__name__)


class Reading(msgspec.Struct, frozen=True):
    """Scores, or in plain words why there are none. `failed` means that the scorer is at fault, not the text."""

    scorer: str
    scores: Scores | None = None
    not_scored: str | None = None
    failed: bool = False


class Scoring:
    """`at_once` is False for a scorer that takes long: it may be asked only where nobody and no transaction waits."""

    def __init__(self, scorer: Scorer | None, *, at_once: bool = True) -> None:
        self.scorer = scorer
        self.at_once = at_once

    @classmethod
    async def open(cls, runtime: Runtime) -> typing.Self:
        return cls(scorer_of(runtime.settings), at_once=runtime.settings.scorer != "detoxify")

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that a check may name; none without a scorer."""
        return self.scorer.labels if self.scorer else ()

    async def read(self, text: str, language: str) -> Reading:
        """Scores of one text. Never raises: a missing or broken scorer is an answer too."""
        if self.scorer is None:
            return Reading("none", not_scored=Message("No scorer is set up on this server."), failed=True)
        name = self.scorer.name
        # In a language that the model never learned its numbers mean nothing, least of all "clean".
        if language not in self.scorer.languages:
            return Reading(name, not_scored=Message("The scorer does not read this language."))
        try:
            (scores,) = await self.scorer.score([text])
        except ScorerUnavailable as error:
            return Reading(name, not_scored=str(error)[:200], failed=True)
        except Exception as error:  # noqa: BLE001  whatever breaks in a scorer must not keep a post from its checks
            log.warning("scorer failed", scorer=name, error=repr(error)[:500])
            return Reading(name, not_scored=Message("The scorer failed while reading this text."), failed=True)
        return Reading(name, scores=scores)

    async def close(self) -> None:
        if self.scorer is not None:
            await self.scorer.close()


async def check_scorer(runtime: Runtime) -> str:
    """Score a sentence, for `folkmoot check`; returns what to say, raises ScorerUnavailable."""
    scorer = (await runtime.use(Scoring)).scorer
    if scorer is None:
        return "none is set: groups have their plain checks only"
    start = time.perf_counter()
    await scorer.score(["Thank you for the lovely evening."])
    milliseconds = (time.perf_counter() - start) * 1000
    return f"{scorer.name} scored a sentence in {milliseconds:.0f} ms; it reads {', '.join(sorted(scorer.languages))}"


def scorer_of(settings: Settings) -> Scorer | None:
    """The scorer that FOLKMOOT_SCORER names."""
    if settings.scorer == "light":
        return LightScorer()
    if settings.scorer == "detoxify":
        return DetoxifyScorer(
            DetoxifySettings(
                python=settings.detoxify_python,
                checkpoint=settings.detoxify_checkpoint,
                tokenizer=settings.detoxify_tokenizer,
            )
        )
    return None
