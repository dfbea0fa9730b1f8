"""Whether a written sentence rests on what was said.

The checks are the same whoever wrote the sentence: its words must come from the evidence, and so must every number, name and day. For
Russian two more keep a small model honest: who speaks of himself («я», «у меня») is quoting, not reporting, and what is said to be done
must not be a plan in the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import numpy as np
import numpy.typing as npt

from llm_service.talk import Line, Talk
from textkit.dates import find_dates
from textkit.lemmas import detect_language, lemma, lemmas, morphology, spans, tokens
from textkit.people import find_people

__all__ = ["Support", "Trouble", "examine", "matches", "mend_script", "overlap"]

Vectors = npt.NDArray[np.float32]

_ENOUGH: Final = 0.6
"""Share of a sentence's words that the evidence must hold."""
_TELLING: Final = 0.34
"""Share of a sentence's words that one line must hold to count as evidence of it."""
_PREFIX: Final = 5
_SHORTEST_NAME: Final = 3
_EXAMPLES: Final = frozenset({"oliver", "mary"})
"""English names in the examples of the prompts; Russian ones are known by their form."""
_MOST_LINES: Final = 3
_REACH: Final = 6
"""Lines by which those that hold one sentence may lie apart."""

_REPORTING: Final = """
    сказать говорить сообщить отметить предложить просить попросить согласиться обсудить обсуждать обещать рассказать уточнить
    подтвердить участник команда коллега встреча необходимо нужно должен планировать планироваться решить договориться решение
    задача проблема вопрос ответить спросить считать хотеть
    say said tell mention propose suggest ask agree discuss promise explain report confirm plan decide team participant meeting
    need should group speaker talk want think will
    """
"""Words with which a report is written; that the evidence lacks them proves nothing."""
_SELF: Final = frozenset(
    """
    я меня мне мной мой моя мое мои моего моей моем моим моих ты тебя тебе тобой твой твоя i me my mine you your
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_ADDRESS: Final = re.compile(r"^[А-ЯЁA-Z]\w+, ")
"""«Ирина, теперь отчёты»: copied from the talk, with the speaker's name in front."""
_NUMBERS: Final = re.compile(
    r"^(?:один|одна|два|две|три|четыре|пять|шесть|семь|восемь|девять|десять|\w+надцать|двадцать|тридцать|сорок|пятьдесят|\w+десят|девяносто|сто"
    r"|двести|\w+ста|\w+сот|тысяча|миллион|миллиард|полтора|половина"
    r"|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety|hundred"
    r"|thousand|million|half)$"
)
_LOOKALIKE: Final = dict(zip("abcehkmoptxyrlndisuvgfzjw", "авсенкмортхурлндисувгфзйв", strict=True))


class Trouble(StrEnum):
    """Why a sentence does not stand."""

    EMPTY = "empty"
    WORDS = "words"
    NUMBER = "number"
    NAME = "name"
    DAY = "day"
    VOICE = "voice"
    LANGUAGE = "language"
    DONE = "done"


@dataclass(frozen=True)
class Support:
    """Result of one check."""

    lines: tuple[Line, ...]
    """Lines that hold the sentence, in order; empty where it does not stand."""
    trouble: Trouble | None = None


def examine(
    sentence: str,
    evidence: Sequence[Line],
    talk: Talk,
    language: str,
    closeness: npt.NDArray[np.float32] | None = None,
) -> Support:
    """Return the lines that a sentence rests on, or why it does not stand.

    Args:
        sentence: What was written.
        evidence: The lines that it may rest on.
        talk: The talk, for its people and its day.
        language: Language in which it should be written.
        closeness: Cosine of the sentence with each line of the evidence, shape [evidence]; needed where the talk is in another
            language than the sentence, because then no word need agree.
    """
    words = _content(sentence)
    if not words or not evidence:
        return Support((), Trouble.EMPTY)
    trouble = _form(sentence, evidence, language) or _facts(sentence, evidence, talk, language)
    if trouble is not None:
        return Support((), trouble)
    if closeness is not None and language != talk.language:
        return _close(evidence, closeness)
    said = {word for line in evidence for word in lemmas(f"{line.speaker}. {line.text}", keep_stop_words=True)}
    named = {word for name in talk.names.values() for word in lemmas(name)}
    if overlap(words, said | named) < _ENOUGH:
        return Support((), Trouble.WORDS)
    lines = _best_lines(words - named, evidence)
    near = [line for line in evidence if any(abs(line.number - one.number) <= 1 for one in lines)]
    held = {word for line in near for word in lemmas(f"{line.speaker}. {line.text}", keep_stop_words=True)}
    if not lines or overlap(words, held | named) < _ENOUGH:
        return Support((), Trouble.WORDS)
    if language == "ru" and _claims_done(sentence, lines):
        return Support((), Trouble.DONE)
    if _wrong_person(sentence, evidence, lines, talk) or _strange_name(sentence, said | named):
        return Support((), Trouble.NAME)
    # Two figures of one long topic are easily put together wrongly.
    trouble = _facts(sentence, near, talk, language)
    if trouble is not None:
        return Support((), trouble)
    quoted = _completed(words, named, lines, near)
    return Support(quoted) if quoted else Support((), Trouble.WORDS)


def overlap(words: set[str], said: set[str]) -> float:
    """Return the share of `words` (lemmas) that `said` holds, 0 to 1; forms of one stem count as the same word."""
    if not words:
        return 0.0
    return sum(1 for word in words if matches(word, said)) / len(words)


def matches(word: str, said: set[str]) -> bool:
    """Tell whether a lemma is among others, or is of one stem with one of them («перенести», «переносим»)."""
    if word in said:
        return True
    if len(word) < _PREFIX + 1:
        return False
    return any(other.startswith(word[:_PREFIX]) for other in said)


def mend_script(text: str, known: Sequence[str]) -> str:
    """Return the text with words of mixed script («Алексandr») written in one, where a known word shows how."""
    table = {word.lower(): word for phrase in known for word in re.findall(r"\w+", phrase)}

    def mend(match: re.Match[str]) -> str:
        word = match.group()
        if not (re.search("[а-яё]", word, re.IGNORECASE) and re.search("[a-z]", word, re.IGNORECASE)):
            return word
        plain = "".join(_LOOKALIKE.get(letter, letter) for letter in word.lower())
        return next((right for low, right in table.items() if len(low) == len(plain) and _alike(low, plain)), word)

    return re.sub(r"[A-Za-zА-Яа-яЁё]+", mend, text)


def _alike(word: str, other: str) -> bool:
    return sum(1 for left, right in zip(word, other, strict=True) if left != right) <= 1 + len(word) // 6


def _content(sentence: str) -> set[str]:
    return set(lemmas(sentence)) - _reporting()


@cache
def _reporting() -> frozenset[str]:
    return frozenset(lemma(word) for word in _REPORTING.split())


def _form(sentence: str, evidence: Sequence[Line], language: str) -> Trouble | None:
    """Check that it is a report in the right language."""
    if _SELF & set(tokens(sentence)) or sentence.rstrip().endswith("?"):
        return Trouble.VOICE
    if _ADDRESS.match(sentence) or (language == "ru" and _speaks_to_somebody(sentence)):
        return Trouble.VOICE
    said = {word for line in evidence for word in tokens(line.text)}
    own = " ".join(word for word in tokens(sentence) if word not in said)
    found = detect_language(own)
    if found and found not in (language, "mixed"):
        return Trouble.LANGUAGE
    if re.search(r"[а-яё][a-z]|[a-z][а-яё]", sentence, re.IGNORECASE):
        return Trouble.LANGUAGE
    return None


def _speaks_to_somebody(sentence: str) -> bool:
    for word in tokens(sentence):
        parse = morphology().parse(word)[0]
        verb = "VERB" in parse.tag and parse.score > 0.4  # an ambiguous form proves nothing
        if verb and (
            parse.tag.mood == "impr"
            or parse.tag.person == "2per"
            or (parse.tag.person == "1per" and parse.tag.number == "sing")
        ):
            return True
    return False


def _facts(sentence: str, evidence: Sequence[Line], talk: Talk, language: str) -> Trouble | None:
    """Check numbers, names and days."""
    said = " ".join(line.text for line in evidence)
    spoken = {line.person for line in evidence if line.person} | {
        mention.person for mention in find_people(said, talk.roster)
    }
    if any(mention.person not in spoken for mention in find_people(sentence, talk.roster)):
        return Trouble.NAME
    days = {mention.date for mention in find_dates(said, talk.day)}
    if any(mention.date not in days for mention in find_dates(sentence, talk.day)):
        return Trouble.DAY
    if language == talk.language:
        held = set(lemmas(said, keep_stop_words=True)) | set(tokens(said))
        numbers = {
            word for word in tokens(sentence) if any(letter.isdigit() for letter in word) or _NUMBERS.match(lemma(word))
        }
        if any(word not in held and lemma(word) not in held for word in numbers):
            return Trouble.NUMBER
    else:
        figures = set(re.findall(r"\d+", said))
        if any(figure not in figures for figure in re.findall(r"\d+", sentence)):
            return Trouble.NUMBER
    return None


def _best_lines(words: set[str], evidence: Sequence[Line]) -> tuple[Line, ...]:
    """Return the fewest lines that hold most of the words, best first chosen, in order."""
    left = set(words)
    chosen: list[Line] = []
    held = {line.number: set(lemmas(line.text, keep_stop_words=True)) for line in evidence}
    reach = list(evidence)
    while left and len(chosen) < _MOST_LINES:
        best = max(reach, key=lambda line: (sum(matches(word, held[line.number]) for word in left), -line.number))
        gain = {word for word in left if matches(word, held[best.number])}
        if len(gain) < max(1, _TELLING * len(words) if not chosen else 2):
            break
        chosen.append(best)
        left -= gain
        reach = [line for line in reach if abs(line.number - chosen[0].number) <= _REACH]
    return tuple(sorted(chosen, key=lambda line: line.number))


def _completed(words: set[str], named: set[str], lines: Sequence[Line], near: Sequence[Line]) -> tuple[Line, ...]:
    """Return the lines with those of their neighbours that hold what they lack, so that who reads the quotes alone finds the words.

    Empty where even all of them together lack too much.
    """
    quoted = list(lines)
    while True:
        held = {
            word for line in quoted for word in lemmas(f"{line.speaker}. {line.text}", keep_stop_words=True)
        } | named
        if overlap(words, held) >= _ENOUGH:
            return tuple(sorted(quoted, key=lambda line: line.number))
        lacking = {word for word in words if not matches(word, held)}
        gains = {
            line: len({word for word in lacking if matches(word, set(lemmas(line.text, keep_stop_words=True)))})
            for line in near
            if line not in quoted
        }
        best = max(gains, key=lambda line: gains[line], default=None)
        if best is None or not gains[best]:
            return ()
        quoted.append(best)


def _close(evidence: Sequence[Line], closeness: npt.NDArray[np.float32]) -> Support:
    """Take the closest line of a talk in another language, where it stands out from the others."""
    best = int(np.argmax(closeness))
    if len(closeness) > _MOST_LINES and closeness[best] < closeness.mean() + closeness.std():
        return Support((), Trouble.WORDS)
    return Support((evidence[best],))


def _claims_done(sentence: str, lines: Sequence[Line]) -> bool:
    """Tell whether a verb stands in the past that the evidence has only as a plan."""
    said = " ".join(line.text for line in lines)
    past, planned = _verbs(said)
    claimed, _ = _verbs(sentence)
    return any(not matches(verb, past) and matches(verb, planned) for verb in claimed)


def _verbs(text: str) -> tuple[set[str], set[str]]:
    """Return the verbs in the past (short participles too), and those in any other form."""
    past: set[str] = set()
    other: set[str] = set()
    for word in tokens(text):
        parse = morphology().parse(word)[0]
        if parse.tag.POS not in ("VERB", "INFN", "PRTS", "PRTF", "GRND"):
            continue
        happened = parse.tag.tense == "past" or parse.tag.POS == "PRTS"
        (past if happened else other).add(parse.normal_form.replace("ё", "е"))
    return past, other


def _strange_name(sentence: str, said: set[str]) -> bool:
    """Tell whether a sentence has a proper name that nobody said, such as one of the examples in a prompt."""
    for number, token in enumerate(spans(sentence)):
        if not sentence[token.start].isupper() or len(token.word) < _SHORTEST_NAME:
            continue
        form = lemma(token.word)
        if form in said or token.word in said:
            continue
        tag = morphology().parse(token.word)[0].tag
        if "Name" in tag or "Surn" in tag or token.word in _EXAMPLES or (number and not matches(form, said)):
            return True
    return False


def _wrong_person(sentence: str, evidence: Sequence[Line], lines: Sequence[Line], talk: Talk) -> bool:
    """Tell whether the sentence names somebody who neither said these lines, nor is named in or right before them."""
    named = {mention.person for mention in find_people(sentence, talk.roster)}
    if not named:
        return False
    near = {line.number for line in lines} | {line.number - 1 for line in lines}
    around = [line for line in evidence if line.number in near]
    # Who only asked did not say it.
    present = {line.person for line in lines if not line.text.rstrip(' "»”').endswith("?")}
    present |= {mention.person for line in around for mention in find_people(line.text, talk.roster)}
    return not named <= present
