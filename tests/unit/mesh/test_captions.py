"""A live transcript: what stays, what may change, and who speaks."""

from __future__ import annotations

from planerka.asr.v1.asr_pb2 import Progress, SpeakerRevision, WordRange
from planerka.common.v1.transcript_pb2 import SpeakerShare, Turn, TurnState, Word

from mesh.captions import Captions, correct, parts
from mesh.times import from_seconds

FINAL, STABLE, PROVISIONAL = (
    TurnState.TURN_STATE_FINAL,
    TurnState.TURN_STATE_STABLE,
    TurnState.TURN_STATE_PROVISIONAL,
)


def turn(turn_id: str, text: str, state: int = FINAL, revision: int = 1, start: float = 0.0, **fields: object) -> Turn:
    fields.setdefault("speaker", "S1")
    words = [Word(text=word, speakers=[SpeakerShare(speaker=fields["speaker"])]) for word in text.split()]
    return Turn(
        turn_id=turn_id,
        revision=revision,
        state=state,
        text=text,
        words=words,
        start=from_seconds(start),
        end=from_seconds(start + 1),
        **fields,
    )


def change(turn_id: str, first: int, count: int, before: str = "S1", after: str = "S2") -> SpeakerRevision.Change:
    words = WordRange(turn_id=turn_id, first_word=first, word_count=count)
    return SpeakerRevision.Change(words=words, previous_speaker=before, speaker=after, confidence=0.9)


def test_stable_words_are_apart_from_those_that_may_change() -> None:
    assert parts(turn("1", "раз два три", STABLE, stable_words=2)) == ("раз два", "три")
    assert parts(turn("1", "раз два", PROVISIONAL)) == ("", "раз два")
    assert parts(turn("1", "раз два", FINAL)) == ("раз два", "")
    assert parts(Turn(text="без слов", state=PROVISIONAL)) == ("", "без слов")
    assert parts(Turn(text="импорт")) == ("импорт", "")


def test_old_revisions_and_replays_change_nothing() -> None:
    captions = Captions()
    captions.take(turn("2", "потом", PROVISIONAL, 2, start=5))
    captions.take(turn("1", "сначала", FINAL, 3))
    assert captions.take(turn("2", "старое", PROVISIONAL, 1, start=5)) is None
    assert captions.take(turn("1", "снова", PROVISIONAL, 4)) is None
    assert [one.text for one in captions.turns] == ["сначала", "потом"]
    assert [one.text for one in captions.open] == ["потом"]


def test_a_final_turn_without_words_takes_back_and_progress_leaves_behind() -> None:
    captions = Captions()
    captions.take(turn("1", "спасибо за просмотр", PROVISIONAL))
    captions.take(Turn(turn_id="1", revision=2, state=FINAL))
    captions.take(turn("2", "забытое", PROVISIONAL, start=3))
    captions.take(turn("3", "новое", PROVISIONAL, start=9))
    captions.progress(Progress(received=from_seconds(12), transcribed=from_seconds(11.5), final=from_seconds(9)))
    assert [one.text for one in captions.turns] == ["новое"]
    assert (captions.received, captions.lag) == (12, 0.5)


def test_a_corrected_speaker_brings_the_name_of_its_voice() -> None:
    captions = Captions()
    captions.take(turn("1", "доброе утро", speaker="S2", speaker_name="Анна"))
    captions.take(turn("2", "привет всем вам", start=4))
    (made,) = captions.revise(SpeakerRevision(changes=[change("2", 0, 2), change("9", 0, 1)]))
    assert (made.text, made.before, made.after) == ("привет всем", "S1", "S2")
    assert (made.before_name, made.after_name) == ("", "Анна")
    second = captions.turns[1]
    assert (second.speaker, second.speaker_name, second.text) == ("S2", "Анна", "привет всем вам")
    assert [word.speakers[0].speaker for word in second.words] == ["S2", "S2", "S1"]


def test_a_few_corrected_words_leave_the_turn_to_its_speaker() -> None:
    said = turn("1", "раз два три", speaker_name="Пётр")
    assert correct(said, change("1", 2, 1)) == "три"
    assert (said.speaker, said.speaker_name) == ("S1", "Пётр")
    assert said.words[2].speakers[0].speaker == "S2"
    plain = Turn(turn_id="1", text="без слов", speaker="S1", speaker_name="Пётр")
    assert correct(plain, change("1", 0, 0)) == "без слов"
    assert (plain.speaker, plain.speaker_name) == ("S2", "")
