"""What a model wrote, held to what was said: sentences, titles and task phrases that stand, and how many do not."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from llm_service.actions import Task
from llm_service.grounding import Support, examine, matches, mend_script, overlap
from llm_service.parts import Sentence
from llm_service.talk import Line, Talk, cut_sentences
from textkit.embedder import Embedder
from textkit.lemmas import detect_language, lemmas, morphology, tokens

__all__ = ["Checks"]

_TITLE_SUPPORT: Final = 0.75
_TASK_SUPPORT: Final = 0.6
_OWN_WORDS: Final = 0.5
"""Share of a task phrase's words that the very lines of the task must hold; what is only said near by is another task."""


class Checks:
    """Checks for one talk.

    Args:
        talk: What was said.
        embedder: Compares sentences with lines of another language.
        language: Language of the summary, `ru` or `en`.
    """

    def __init__(self, talk: Talk, embedder: Embedder, language: str) -> None:
        self._talk = talk
        self._embedder = embedder
        self._language = language
        self.dropped = 0
        """Sentences and phrases of the model that did not stand so far."""

    async def sentences(self, text: str, lines: Sequence[Line], limit: int = 0) -> list[Sentence]:
        """Return the sentences of a text that `lines` support, in the order of the text; the others are counted.

        Args:
            text: What the model wrote.
            lines: What it may rest on.
            limit: Letters after which the text was cut off, so that its last sentence may be half a one; 0 for none.
        """
        written = self._cut(self._mended(text, lines), limit)
        supports = await self._examine(written, lines)
        standing = [
            Sentence(one, support.lines) for one, support in zip(written, supports, strict=True) if support.lines
        ]
        self.dropped += len(written) - len(standing)
        return standing

    def title(self, title: str, lines: Sequence[Line]) -> str:
        """Return a title that stands; empty where it does not."""
        title = self._mended(title.strip().rstrip(".!,:;"), lines)
        words = set(lemmas(title))
        if not words or "?" in title or detect_language(title) not in (self._language, "mixed"):
            return ""
        if self._language != self._talk.language:
            return title
        said = {word for line in lines for word in lemmas(line.text)}
        return title if overlap(words, said) >= _TITLE_SUPPORT else ""

    def task(self, task: Task, phrase: str, lines: Sequence[Line]) -> Task:
        """Return the task in the model's phrase where that says the same; the very task where it does not, and count it."""
        phrased = self._phrased(task, self._mended(phrase, lines).strip().rstrip(".;,"), lines)
        self.dropped += phrased is task
        return phrased

    def _phrased(self, task: Task, phrase: str, lines: Sequence[Line]) -> Task:
        names = {word for name in self._talk.names.values() for word in lemmas(name)}
        words = set(lemmas(phrase)) - names
        if not words or detect_language(phrase) not in (self._language, "mixed"):
            return task
        if self._language != self._talk.language:
            return replace(task, text=phrase)
        own = {word for line in task.lines for word in lemmas(line.text, keep_stop_words=True)}
        around = own | {word for line in lines for word in lemmas(line.text, keep_stop_words=True)}
        if (
            overlap(words, around) < _TASK_SUPPORT
            or overlap(words, own) < _OWN_WORDS
            or not self._same_work(phrase, own)
        ):
            return task
        return replace(task, text=phrase)

    def _same_work(self, phrase: str, said: set[str]) -> bool:
        """Tell whether the verb of a Russian phrase is one of the task's own, in the infinitive."""
        if self._language != "ru":
            return True
        for word in tokens(phrase):
            parse = morphology().parse(word)[0]
            if parse.tag.POS == "INFN":
                return matches(parse.normal_form.replace("ё", "е"), said)
        return False

    def _mended(self, text: str, lines: Sequence[Line]) -> str:
        known = [*self._talk.names.values(), *(line.speaker for line in lines), *(line.text for line in lines)]
        return mend_script(text, known)

    @staticmethod
    def _cut(text: str, limit: int) -> list[str]:
        """Return the sentences of an answer, each once, without one that the limit of letters cut off."""
        found = list(dict.fromkeys(text[start:end] for start, end in cut_sentences(text)))
        cut_off = limit and len(text) >= limit - 1 and found and found[-1][-1] not in ".!?…"
        return found[:-1] if cut_off else found

    async def _examine(self, sentences: Sequence[str], lines: Sequence[Line]) -> list[Support]:
        talk, language = self._talk, self._language
        if language == talk.language or not sentences:
            return await asyncio.to_thread(lambda: [examine(text, lines, talk, language) for text in sentences])
        written = await asyncio.to_thread(self._embedder.embed_queries, list(sentences))
        said = await asyncio.to_thread(self._embedder.embed_passages, [line.text for line in lines])
        return [
            examine(text, lines, talk, language, row @ said.T) for text, row in zip(sentences, written, strict=True)
        ]
