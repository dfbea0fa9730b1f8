"""Where a text names people, whoever they are: Russian in any case, English, initials, handles.

Better too much than too little: what is found is hidden from a model outside and put back into its answer, so a product that looks
like a name costs a little understanding, a name that was missed is out. Russian names come from natasha's tagger, and, because that
needs capitals, from the grammar's own knowledge of names; English ones from name lists and from how names stand in a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from textkit.latin_names import folded, latin_names
from textkit.lemmas import morphology
from textkit.nicknames import forms_of
from textkit.people import Person, find_people

__all__ = ["find_names", "load"]

Place = tuple[int, int]

_WORD: Final = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?…\n:]['\"»”)\]]*)\s*[\"«„“'(\[—–-]*\s*$")
_GAP: Final = re.compile(r"[ \t\u00a0]+")
_INITIALS: Final = re.compile(
    r"\b(?:[А-ЯЁ]\.\s?){1,2}[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)?|\b[А-ЯЁ][а-яё]+(?:-[А-ЯЁ][а-яё]+)?\s(?:[А-ЯЁ]\.\s?[А-ЯЁ]\.|[А-ЯЁ]\.)"
    r"|\b(?:[A-Z]\.\s?){1,2}[A-Z][\w'’-]+|\b[A-Z][a-z]+(?:\s[A-Z]\.)+\s[A-Z][\w'’-]+"
)
_HANDLE: Final = re.compile(r"(?<![\w@.])@[A-Za-z][\w.]{2,}\w")
_TITLE: Final = re.compile(
    r"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof|Miss|Mister|Professor|Doctor|Sir|Madam|господин\w*|госпож\w+|товарищ\w*|гражданин\w*|г-н\w*|г-ж\w)\.?\s+$",
    re.IGNORECASE,
)
_PARTICLES: Final = frozenset(
    """
    van von der den de del della di da dos la le bin ibn al el ter ten фон ван де дер оглы кызы ибн
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_ENGLISH_CUE_BEFORE: Final = frozenset(
    """
    ask asked tell told call called ping email emailed message contact with by from for thanks cc meet met invite invited assign assigned
    remind reminded colleague and or to about that if whether hi hello hey dear manager client customer engineer named
    """.split()  # noqa: SIM905 - a table of words reads best as words
)
_ENGLISH_CUE_AFTER: Final = frozenset(
    """
    will would should could can has had is was said says thinks wants asked promised agreed confirmed reviewed sent finished fixed wrote
    works needs owns takes took joined left called and to reported
    """.split()  # noqa: SIM905 - as above
)
_ENDINGS: Final = ("", *["а", "у", "ом", "ем", "е", "ы", "и", "ой", "ей", "ю", "я", "ым", "ому", "ого"])
_SPEAKS: Final = frozenset(["will", "said", "says", "promised", "asked", "agreed", "confirmed", "thinks"])
# Words that are names too; alone they count only with a capital inside a sentence.
_ORDINARY: Final = frozenset(
    """
    will mark may grace bill art rob drew rich pat sue hope faith rose chase al em si max kit mel stan don ray gene dick jack april june
    august christian summer autumn dawn joy ivy iris olive ruby amber crystal destiny trinity jordan madison paris austin dallas sierra
    savannah carol lane dale glen cliff clay heath wade miles page brook brooks star angel baron earl duke king prince guy jay kay lee
    victor frank ernest grant chance cash case colt dean drake gray faith honey sunny sky skylar storm melody harmony charity patience
    constance prudence penny robin jade opal pearl ginger daisy lily violet holly hazel heather myrtle laurel willow fern basil sage reed
    rod nick pierce lance ace buddy junior major general bishop abbott mason carter cooper taylor tyler parker hunter fisher baker miller
    smith gardener shepherd page porter turner walker weaver wright young long short small little brown black white green gray blue day
    knight wood woods hill field fields lake rivers stone rock banks bridges church house street price sharp swift strong power best good
    goodman love sweet rice bean beans cook bush moody wise noble french english welsh ireland england holland marsh moss frost snow winters
    spring bell ball book banks bond branch burns chambers child childs cross curry dodge drew flowers ford foster fox gates golden hand
    head hood hope hunt key kidd law leach lamb mays may mack meadows merit moon moran more nation owens pace park patch paul peck pope pope
    poole potter read rich rush salt self session sessions short silver singh spears spencer stark steel sweeney tate temple todd
    vance vaughan wall walls ward ware warren waters watts webb wells west wilder wills winter works yates north south east major
    many so long an on in it is do to go no so ha my he min max dan ana may an ali see tan tam lo than can van sun son
    monday tuesday wednesday thursday friday saturday sunday january february march july september october november december
    """.split()  # noqa: SIM905 - as above
)
_NO_PEOPLE: Final = frozenset(
    """
    Mr Mrs Ms Mx Dr Prof
    The This That These Those There Then They We You He She It I And But Or So If When Where What Which Who Why How Please Let Our Your
    My His Her Their Its Is Are Was Were Do Does Did Can Could Will Would Should May Might Must No Not Yes Ok Okay Also Next Now Today
    Tomorrow Yesterday Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March April May June July August
    September October November December English Russian American German French Spanish Chinese Europe Russia Moscow London Berlin Paris
    Google Amazon Microsoft Apple Slack Jira Trello Kaiten Zoom Telegram Docker Kubernetes Postgres Redis Linux Windows Python Java
    GitHub GitLab Figma Notion Excel Word Outlook Teams Milvus Internet Product Owner Team Lead Project Manager Scrum Master Sprint Board
    Done Doing Backlog Review Release Chief Executive Officer Customer Support Sales Marketing Finance Legal Engineering Design Quality
    Data Cloud Studio Visual Code New York San Francisco Los Angeles United States Kingdom North South East West Street Road Avenue
    """.split()  # noqa: SIM905 - as above
)
_RUSSIAN_ORDINARY: Final = frozenset(
    """
    вера веры вере веру верой надежда надежды надежде надежду любовь любви роман романа лев льва слава славы славе мила тема поля поле роза
    розы лука рита света свете май мая мир мира марта марте август августа ион рай рая воля воли майя кира гай юлий мари лея ия ада аде аду
    сам сама самой катя зоря заря капитолина виктор гор дон том тома тому томе мак маки макс ким пак ли ван ян бар бор тит кот алая алой
    """.split()  # noqa: SIM905 - as above
)


class _Token(NamedTuple):
    text: str
    start: int
    end: int
    russian: bool
    capital: bool
    opens: bool
    """Whether it is the first word of a sentence, where a capital says nothing."""


def load() -> None:
    """Bring tagger and lists into memory; else the first text waits for them."""
    _tagger()
    latin_names()
    morphology()


def find_names(text: str, roster: Sequence[str] = ()) -> list[Place]:
    """Return the half-open character spans of all names in `text`, in order, neighbours joined.

    Args:
        text: Any text.
        roster: Names of people that may be meant; found in every case and in short forms («Саше» for Александр).
    """
    tokens = list(_tokens(text))
    places = [(match.start(), match.end()) for pattern in (_INITIALS, _HANDLE) for match in pattern.finditer(text)]
    if any(token.russian for token in tokens):
        places += [(span.start, span.stop) for span in _tagged(text) if span.type == "PER"]
        places += _russian(tokens)
    places += _latin(text, tokens)
    places += [(mention.start, mention.end) for mention in find_people(text, [Person(n, (n,)) for n in roster])]
    places += _known(tokens, roster)
    return _grown(text, tokens, _joined(text, sorted(places)))


def _tokens(text: str) -> Iterator[_Token]:
    for match in _WORD.finditer(text):
        word = match.group()
        opens = bool(_SENTENCE_START.search(text, max(0, match.start() - 12), match.start()))
        yield _Token(word, match.start(), match.end(), _is_cyrillic(word), word[0].isupper(), opens)


def _russian(tokens: Sequence[_Token]) -> Iterator[Place]:
    for token in tokens:
        if not token.russian or len(token.text) < 2:
            continue
        for piece in (token.text, *token.text.split("-")[:1]):
            if _is_russian_name(piece, capital=token.capital, opens=token.opens):
                yield token.start, token.end
                break


@cache
def _is_russian_name(word: str, *, capital: bool, opens: bool) -> bool:
    known: bool = morphology().word_is_known(word.lower())
    plain = word.lower()
    ordinary = plain.replace("ё", "е") in _RUSSIAN_ORDINARY
    if ordinary and not (capital and not opens):
        return False
    parses = morphology().parse(plain)
    named: float = sum(parse.score for parse in parses if _grammemes(parse) & {"Name", "Patr", "Surn"})
    first: float = sum(parse.score for parse in parses if _grammemes(parse) & {"Name", "Patr"})
    if not known:
        # A guess by the ending: «Шевчуком», «Ахметзяновой».
        return capital and not opens and named > 0
    if capital and not opens:
        return named >= 0.05
    return first >= 0.4 or (capital and named >= 0.5)


def _grammemes(parse: Any) -> frozenset[str]:
    found: frozenset[str] = parse.tag.grammemes
    return found


def _latin(text: str, tokens: Sequence[_Token]) -> Iterator[Place]:
    firsts, lasts = latin_names()
    for number, token in enumerate(tokens):
        if token.russian or len(token.text) < 2:
            continue
        plain = folded(token.text.removesuffix("'s").removesuffix("’s"))
        before = tokens[number - 1] if number and _near(text, tokens[number - 1], token) else None
        after = tokens[number + 1] if number + 1 < len(tokens) and _near(text, token, tokens[number + 1]) else None
        if _is_latin_name(text, token, plain, before, after, firsts, lasts):
            yield token.start, token.end


def _is_latin_name(
    text: str,
    token: _Token,
    plain: str,
    before: _Token | None,
    after: _Token | None,
    firsts: frozenset[str],
    lasts: frozenset[str],
) -> bool:
    if not token.capital:
        return plain in firsts and plain not in _ORDINARY and len(plain) > 3
    if _TITLE.search(text, max(0, token.start - 14), token.start):
        return True
    shouted = token.text.isupper() and len(token.text) > 1
    if token.text in _NO_PEOPLE or shouted:
        return False
    followed = after is not None and after.capital and not after.russian and after.text not in _NO_PEOPLE
    if plain in firsts:
        cued = after is not None and after.text in _ENGLISH_CUE_AFTER
        return plain not in _ORDINARY or followed or cued or not token.opens
    if plain in lasts and not token.opens:
        return True
    if token.opens:
        if after is None or plain in _ORDINARY:
            return False
        # "Thandiwe will send it", "Dmitri Kowalski"
        return followed or (
            after.text in _ENGLISH_CUE_AFTER and (plain in lasts or (after.text in _SPEAKS and len(plain) > 3))
        )
    if followed or (before is not None and before.capital and not before.russian and before.text not in _NO_PEOPLE):
        return True
    cued = (before is not None and before.text.lower() in _ENGLISH_CUE_BEFORE) or (
        after is not None and after.text in _ENGLISH_CUE_AFTER
    )
    return cued or token.text.endswith(("'s", "’s"))


def _known(tokens: Sequence[_Token], roster: Sequence[str]) -> Iterator[Place]:
    """Yield words of the roster that `find_people` gives to nobody: shared by two people, or words of another meaning («Ёжиков»)."""
    forms = _roster_forms(tuple(roster))
    for token in tokens:
        plain = token.text.lower().replace("ё", "е")
        if plain in forms and (token.capital or plain not in _ORDINARY | _RUSSIAN_ORDINARY):
            yield token.start, token.end


@lru_cache(maxsize=16)
def _roster_forms(roster: tuple[str, ...]) -> frozenset[str]:
    parts = {part for name in roster for part in name.lower().replace("ё", "е").split() if len(part) > 2}
    forms = {form for part in parts for form in {part} | forms_of(part)}
    for part in parts:
        if len(part) > 4 and _is_cyrillic(part):
            forms |= {part.rstrip("аяйь") + ending for ending in _ENDINGS}
    return frozenset(forms)


def _is_cyrillic(word: str) -> bool:
    return bool(re.match(r"[а-яё]", word, re.IGNORECASE))


def _near(text: str, left: _Token, right: _Token) -> bool:
    return _GAP.fullmatch(text, left.end, right.start) is not None


def _joined(text: str, places: Sequence[Place]) -> list[Place]:
    """Join what overlaps, and the words of one name."""
    joined: list[Place] = []
    for start, end in places:
        if joined and (start <= joined[-1][1] or _GAP.fullmatch(text, joined[-1][1], start)):
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined


def _grown(text: str, tokens: Sequence[_Token], places: Sequence[Place]) -> list[Place]:
    """Take the surname in that follows a first name, with its particles: «Анна фон Штейн», "Maria de la Cruz"."""
    grown: list[Place] = []
    for begin, finish in places:
        end = finish
        following = [token for token in tokens if token.start >= finish][:4]
        last = end
        for token in following:
            if not _GAP.fullmatch(text, last, token.start):
                break
            if token.text.lower() in _PARTICLES:
                last = token.end
                continue
            if token.capital and token.text not in _NO_PEOPLE and not token.opens and not token.text.isupper():
                end = last = token.end
                continue
            break
        grown.append((begin, end))
    return _joined(text, grown)


@cache
def _tagger() -> tuple[Any, Any]:
    import natasha  # noqa: PLC0415 - its models take half a second, and only redaction needs them

    return natasha.Segmenter(), natasha.NewsNERTagger(natasha.NewsEmbedding())


def _tagged(text: str) -> Sequence[Any]:
    from natasha import Doc  # noqa: PLC0415 - see `_tagger`

    segmenter, tagger = _tagger()
    document = Doc(text)
    document.segment(segmenter)
    document.tag_ner(tagger)
    found: Sequence[Any] = document.spans
    return found
