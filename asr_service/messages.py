"""Between the domain and the messages of the contract."""

from collections.abc import Iterable

from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import time_pb2, transcript_pb2

from asr_service.clustering import SpeakerLimits
from asr_service.complaints import Complaint, OtherLanguage, PoorAudio, TooManySpeakers
from asr_service.diarization import Span
from asr_service.identification import VoiceMatch
from asr_service.live_events import (
    Ended,
    LiveEvent,
    LiveTurn,
    Recognised,
    Revised,
    SpeechBegan,
    SpeechPaused,
    Timeline,
)
from asr_service.recognizer import Stage, StageProgress, Task, Transcript
from asr_service.turns import SpokenWord, Turn, speaker_name
from mesh.errors import InvalidArgument, Violation
from mesh.times import from_seconds

__all__ = ["file_progress", "file_responses", "live_response", "recognised_voices", "task_of"]

_MOST_SHARES = 8
_REASONS: dict[type[Complaint], asr_pb2.Warning.Reason] = {
    PoorAudio: asr_pb2.Warning.REASON_POOR_AUDIO,
    OtherLanguage: asr_pb2.Warning.REASON_OTHER_LANGUAGE,
    TooManySpeakers: asr_pb2.Warning.REASON_TOO_MANY_SPEAKERS,
}


def task_of(config: asr_pb2.RecognitionConfig) -> Task:
    """The task that a client configures.

    Raises:
        InvalidArgument: More speakers are expected at least than at most, or only speakers without diarization.
    """
    if config.max_speakers and config.min_speakers > config.max_speakers:
        raise InvalidArgument(
            f"min_speakers {config.min_speakers} is more than max_speakers {config.max_speakers}.",
            reason="SPEAKER_LIMITS_INVALID",
            violations=[Violation("recognition.min_speakers", "must not exceed max_speakers")],
        )
    if config.speakers_only and not config.diarize:
        raise InvalidArgument(
            "speakers_only needs diarize; set it too.",
            reason="SPEAKERS_NOT_WANTED",
            violations=[Violation("recognition.speakers_only", "needs diarize")],
        )
    return Task(
        language=config.language.strip().lower(),
        hot_words=tuple(config.hot_words),
        diarize=config.diarize,
        limits=SpeakerLimits(config.min_speakers, config.max_speakers),
        by_channel=config.channel_mode == asr_pb2.CHANNEL_MODE_SPEAKER_PER_CHANNEL,
        speakers_only=config.speakers_only,
    )


def _word(spoken: SpokenWord) -> transcript_pb2.Word:
    word = spoken.word
    return transcript_pb2.Word(
        text=word.text[:512],
        start=from_seconds(word.start),
        end=from_seconds(word.end),
        confidence=word.confidence,
        speakers=[
            transcript_pb2.SpeakerShare(speaker=speaker_name(speaker), confidence=min(max(share, 0.0), 1.0))
            for speaker, share in spoken.speakers[:_MOST_SHARES]
        ],
    )


def _turn(
    number: int, revision: int, state: transcript_pb2.TurnState, turn: Turn | None, stable_words: int
) -> transcript_pb2.Turn:
    message = transcript_pb2.Turn(
        turn_id=f"trn_{number:06d}", revision=revision, state=state, stable_words=stable_words
    )
    if turn is not None:
        message.speaker = speaker_name(turn.speaker)
        message.speaker_confidence = min(max(turn.confidence, 0.0), 1.0) if turn.speaker is not None else 0.0
        message.start.CopyFrom(from_seconds(turn.start))
        message.end.CopyFrom(from_seconds(turn.end))
        message.text = turn.text
        message.language = turn.language[:8]
        message.words.extend(_word(word) for word in turn.words)
    return message


def file_progress(progress: StageProgress) -> asr_pb2.RecognizeFileResponse:
    """How far a file has come; stages before transcription show as audio received."""
    message = asr_pb2.Progress()
    if progress.stage is Stage.DECODING:
        message.received.CopyFrom(from_seconds(progress.seconds))
    else:
        message.received.CopyFrom(from_seconds(progress.total))
        message.total.CopyFrom(from_seconds(progress.total))
    done = from_seconds(progress.seconds if progress.stage is Stage.TRANSCRIBING else 0.0)
    message.transcribed.CopyFrom(done)
    message.final.CopyFrom(done)
    return asr_pb2.RecognizeFileResponse(progress=message)


def file_responses(transcript: Transcript) -> Iterable[asr_pb2.RecognizeFileResponse]:
    """The turns, the warnings, the timeline, the recognised voices and the end of a finished file."""
    for number, turn in enumerate(transcript.turns, start=1):
        final = _turn(number, 1, transcript_pb2.TURN_STATE_FINAL, turn, len(turn.words))
        yield asr_pb2.RecognizeFileResponse(turn=final)
    for complaint in transcript.complaints:
        yield asr_pb2.RecognizeFileResponse(warning=_warning(complaint))
    yield asr_pb2.RecognizeFileResponse(
        timeline=asr_pb2.SpeakerTimeline(segments=[_segment(span) for span in transcript.diarization.spans])
    )
    if transcript.matches:
        yield asr_pb2.RecognizeFileResponse(voices=recognised_voices(transcript.matches))
    speakers = transcript.diarization.speakers or len({turn.speaker for turn in transcript.turns} - {None})
    yield asr_pb2.RecognizeFileResponse(
        finished=asr_pb2.Finished(
            duration=from_seconds(transcript.duration),
            turns=len(transcript.turns),
            speakers=speakers,
            language=transcript.language,
        )
    )


def recognised_voices(matches: Iterable[VoiceMatch]) -> asr_pb2.RecognisedVoices:
    """Which speakers are enrolled people."""
    return asr_pb2.RecognisedVoices(
        matches=[
            asr_pb2.RecognisedVoices.Match(
                speaker=speaker_name(match.speaker), person_id=match.person_id, confidence=match.confidence
            )
            for match in matches
        ]
    )


def _warning(complaint: Complaint) -> asr_pb2.Warning:
    return asr_pb2.Warning(reason=_REASONS[type(complaint)], message=complaint.problem)


def _segment(span: Span) -> asr_pb2.SpeakerTimeline.Segment:
    return asr_pb2.SpeakerTimeline.Segment(
        speaker=speaker_name(span.speaker),
        range=time_pb2.TimeRange(start=from_seconds(span.start), end=from_seconds(span.end)),
    )


def live_response(event: LiveEvent) -> asr_pb2.StreamingRecognizeResponse:
    """An event of a live recording, still without its number."""
    response = asr_pb2.StreamingRecognizeResponse()
    match event:
        case SpeechBegan(at):
            kind = asr_pb2.SpeechEvent.KIND_SPEECH_START
            response.speech_event.CopyFrom(asr_pb2.SpeechEvent(kind=kind, at=from_seconds(at)))
        case SpeechPaused(at):
            kind = asr_pb2.SpeechEvent.KIND_SPEECH_END
            response.speech_event.CopyFrom(asr_pb2.SpeechEvent(kind=kind, at=from_seconds(at)))
        case LiveTurn(number, revision, final, turn, stable_words):
            state = transcript_pb2.TURN_STATE_PROVISIONAL
            if final or stable_words:
                state = transcript_pb2.TURN_STATE_FINAL if final else transcript_pb2.TURN_STATE_STABLE
            response.turn.CopyFrom(_turn(number, revision, state, turn, stable_words))
        case PoorAudio() | OtherLanguage() | TooManySpeakers():
            response.warning.CopyFrom(_warning(event))
        case Recognised(matches):
            response.voices.CopyFrom(recognised_voices(matches))
        case Timeline(spans, start, end):
            response.timeline.segments.extend(_segment(span) for span in spans)
            if end is not None:
                stretch = time_pb2.TimeRange(start=from_seconds(start), end=from_seconds(end))
                response.timeline.range.CopyFrom(stretch)
        case Revised(changes):
            response.speaker_revision.changes.extend(
                asr_pb2.SpeakerRevision.Change(
                    words=asr_pb2.WordRange(
                        turn_id=f"trn_{change.number:06d}", first_word=change.first, word_count=change.count
                    ),
                    previous_speaker=speaker_name(change.before),
                    speaker=speaker_name(change.after),
                    confidence=min(max(change.confidence, 0.0), 1.0),
                )
                for change in changes
            )
        case Ended(duration, turns, speakers, language):
            response.finished.CopyFrom(
                asr_pb2.Finished(duration=from_seconds(duration), turns=turns, speakers=speakers, language=language)
            )
    return response
