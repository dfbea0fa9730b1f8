"""Several engines as one: each language goes to the engine that knows it best."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from asr_service.audio import Samples
from asr_service.transcriber import DecodingTask, Phrase, SpeechModel

__all__ = ["DetectingModel", "RoutedModel"]

_SURE = 0.7
"""Below this a chunk may be of two languages, and an engine of one language would spell the other in its letters."""


class DetectingModel(SpeechModel, Protocol):
    """An engine of many languages that tells them apart."""

    def detect_language(self, audio: Samples) -> tuple[str, float]:
        """The language of up to 30 seconds (ISO 639-1) and its probability, without decoding."""


class RoutedModel:
    """A general engine, and specialists of single languages that decode what is surely theirs."""

    def __init__(self, general: DetectingModel, specialists: Sequence[SpeechModel]) -> None:
        """Of two specialists for one language the first is used."""
        self._general = general
        self._by_language = {
            language: specialist for specialist in reversed(specialists) for language in specialist.languages
        }

    @property
    def languages(self) -> frozenset[str]:
        """Languages of all engines together."""
        return self._general.languages.union(self._by_language)

    @property
    def device(self) -> str:
        """Hardware of the general engine, which hears every chunk whose language is not given."""
        return self._general.device

    def decode(self, audio: Samples, task: DecodingTask) -> list[Phrase]:
        """Decodes with the engine of the task's language, or of the one that the general engine hears."""
        return self.decode_many([(audio, task)])[0]

    def decode_many(self, windows: Sequence[tuple[Samples, DecodingTask]]) -> list[list[Phrase]]:
        """The same for several windows; those of one engine are decoded together."""
        choices = [self.choose(audio, task) for audio, task in windows]
        answers: list[list[Phrase]] = [[] for _ in windows]
        for engine in {id(engine): engine for engine, _, _ in choices}.values():
            own = [index for index, (chosen, _, _) in enumerate(choices) if chosen is engine]
            found = engine.decode_many([(windows[index][0], choices[index][1]) for index in own])
            for index, phrases in zip(own, found, strict=True):
                most = choices[index][2]
                answers[index] = [
                    replace(phrase, language_probability=min(phrase.language_probability, most)) for phrase in phrases
                ]
        return answers

    def choose(self, audio: Samples, task: DecodingTask) -> tuple[SpeechModel, DecodingTask, float]:
        """The engine for a chunk, the task with its language, and how probable that language is.

        A language that was detected stays the general engine's, whoever decodes.
        """
        if task.language is not None:
            return self._by_language.get(task.language, self._general), task, 1.0
        language, probability = self._general.detect_language(audio)
        specialist = self._by_language.get(language) if probability >= _SURE else None
        return specialist or self._general, replace(task, language=language), probability
