"""What is known of a stretch of speech that still goes on, by careful passes at fixed places of the recording.

A draft that is made of the audio alone, never of how busy the service was, is one that the final words may rest on: where it and
the last look at the whole stretch hear different words, the draft's stay unless the model was much less sure of them. That way few
words change that people have read already, and a look with more context behind a word now and then is the worse one.
"""

from collections.abc import Sequence
from difflib import SequenceMatcher

from asr_service.agreement import is_same, plain
from asr_service.audio import SAMPLE_RATE
from asr_service.transcriber import Word

__all__ = ["Draft", "reconciled"]

_WINDOW = 9 * SAMPLE_RATE
"""Samples that a careful pass hears at most; with the silence behind it, the shortest length that the model decodes well."""
_BREATH = int(0.2 * SAMPLE_RATE)
"""Samples of silence in which a careful pass has time, and no word is cut."""
_FRESH = int(1.0 * SAMPLE_RATE)
"""Samples of new speech that are worth a careful pass."""
_BREATHLESS = int(2.2 * SAMPLE_RATE)
"""Samples of new speech that get a careful pass although nobody pauses."""
_SELDOM = 2 * SAMPLE_RATE
"""Samples of new speech that are worth a careful pass where others want the time too."""
_EDGE = 0.6
"""Seconds at the end of such a pass whose words may be cut, and are left to the next one."""
_STUCK = 12 * SAMPLE_RATE
"""Samples without words, as in laughter, behind which the draft goes on."""
_TRUST = 2.0
"""How many times as sure as of the draft's words the model has to be of others in their place."""


class Draft:
    """The careful passes over one stretch; times of words in seconds of the recording, places of audio in samples."""

    def __init__(self, start: int, words: Sequence[Word] = ()) -> None:
        """`start` is the first sample of the stretch, `words` are known of it already."""
        self.words = list(words)
        """The words up to `place`."""
        self._marks = [(start, 0)]
        if words:
            self._marks.append((int(words[-1].end * SAMPLE_RATE), len(words)))
        self._passed = self.place

    @property
    def place(self) -> int:
        """First sample that was not settled."""
        return self._marks[-1][0]

    def due(self, heard: int, silence: int, *, seldom: bool = False) -> bool:
        """Whether a pass is worth its time when everything before sample `heard` is there, the last `silence` samples silent.

        `seldom`: only where people pause.
        """
        fresh = heard - max(self.place, self._passed)
        if seldom:
            return silence >= _BREATH and fresh >= _SELDOM
        return fresh >= (_FRESH if silence >= _BREATH else _BREATHLESS)

    def window(self, heard: int) -> tuple[int, int]:
        """The first sample that the next pass hears, and how many words stand before it."""
        return next((mark for mark in self._marks if mark[0] >= heard - _WINDOW), self._marks[-1])

    def settle(self, words: Sequence[Word], kept: int, heard: int, silence: int) -> None:
        """Takes the words that a pass up to sample `heard` found behind the first `kept` ones."""
        self._passed = heard
        if kept:
            words = _begun(words, self.words[kept:])
        words = reconciled(words, self.words[kept:], keep=True)
        if silence >= _BREATH:
            self._take([*self.words[:kept], *words], heard - silence // 2)
            return
        whole = [word for word in words if word.end <= heard / SAMPLE_RATE - _EDGE]
        if whole:
            last = whole[-1].end
            following = words[len(whole)].start if len(whole) < len(words) else last
            self._take([*self.words[:kept], *whole], int((last + max(last, following)) / 2 * SAMPLE_RATE))
        elif heard - self.place > _STUCK:
            self._take(self.words, heard - _BREATHLESS)

    def words_before(self, end: int) -> list[Word]:
        """The words of a stretch that ends at sample `end`."""
        return [word for word in self.words if word.start + word.end <= 2 * end / SAMPLE_RATE]

    def behind(self, end: int) -> "Draft":
        """The draft of the stretch that begins where this one is cut."""
        return Draft(end, [word for word in self.words if word.start + word.end > 2 * end / SAMPLE_RATE])

    def _take(self, words: Sequence[Word], place: int) -> None:
        self.words = list(words)
        self._marks = [mark for mark in self._marks if mark[0] < place and mark[1] <= len(words)]
        self._marks.append((max(place, self._marks[-1][0]) if self._marks else place, len(words)))


def reconciled(final: Sequence[Word], draft: Sequence[Word], *, keep: bool = False) -> list[Word]:
    """The words of a whole stretch, in which a draft's words stay unless the model was much surer of the others.

    Other numbers of words say that one of the two left something out, or split it; there the whole stretch is trusted, but for
    words that it has nothing for where `keep` is set: one draft after another leaves out what the first one heard, and is as good.
    """
    reconciled: list[Word] = []
    pairs = SequenceMatcher(None, [plain(word.text) for word in draft], [plain(word.text) for word in final], False)
    for kind, first, last, begin, end in pairs.get_opcodes():
        before, now = draft[first:last], final[begin:end]
        if keep and kind == "delete":
            reconciled += before
            continue
        trust = 1.0 if keep else _TRUST
        stays = kind == "replace" and len(before) == len(now) and _sureness(before) * trust >= _sureness(now)
        reconciled += before if stays else now
    return reconciled


def _begun(words: Sequence[Word], before: Sequence[Word]) -> list[Word]:
    """The words of a window that begins amid speech; up to the first word on which both agree, the pass before heard more.

    Places of words are rough, so the window may begin inside a word, or behind it.
    """
    for number, word in enumerate(words):
        for place, known in enumerate(before):
            if is_same(known, word):
                return [*before[:place], *words[number:]]
    return list(words)


def _sureness(words: Sequence[Word]) -> float:
    product = 1.0
    for word in words:
        product *= word.confidence
    return product
