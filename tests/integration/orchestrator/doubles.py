"""Small deterministic services behind the real contracts, with ledgers of what was asked of them."""

from __future__ import annotations

import asyncio
import io
import re
from collections import Counter
from collections.abc import Sequence
from datetime import date

import grpc
import soundfile
from planerka.asr.v1 import asr_pb2, asr_pb2_grpc
from planerka.common.v1.change_pb2 import AddComment, CardChange, CreateCard, MoveCard, ProposedChange, SetDueDate
from planerka.common.v1.transcript_pb2 import Evidence, Turn, TurnState
from planerka.llm.v1 import llm_pb2, llm_pb2_grpc
from planerka.match.v1 import match_pb2, match_pb2_grpc

from mesh.errors import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from mesh.times import from_date, from_seconds

WORD = re.compile(r"\w{4,}")


class Ledger:
    """First answers by key; a key with another request is an error, as in every service of the mesh."""

    def __init__(self):
        self.answers = {}
        self.effects = Counter()

    def once(self, request, make):
        content = request.SerializeToString(deterministic=True)
        known = self.answers.get(request.idempotency_key)
        if known is not None:
            if known[0] != content:
                raise AlreadyExists("reused", reason="IDEMPOTENCY_KEY_REUSED")
            return known[1]
        self.effects[type(request).__name__] += 1
        answer = make()
        self.answers[request.idempotency_key] = (content, answer)
        return answer


class Double:
    """A hosted service without models or databases."""

    def __init__(self, servicer, register, name):
        self.servicer = servicer
        self._register = register
        self.names: Sequence[str] = (name,)

    def register(self, server):
        self._register(self.servicer, server)

    async def open(self):
        pass

    async def check(self):
        pass

    async def close(self):
        pass


class Asr(asr_pb2_grpc.AsrServiceServicer):
    """Hears `said`: pairs of speaker and text; silence (all samples zero) is no speech."""

    def __init__(self):
        self.said = [("S1", "Срок по авторизации пятница."), ("S2", "Хорошо.")]
        self.files = []
        self.chunks = {}
        self.script = {}
        self.forgets = False
        self.ledger = Ledger()
        self.voices = {}
        self.recognised = {}

    async def EnrollVoice(self, request_iterator, context):
        requests = aiter(request_iterator)
        config = (await anext(requests)).config
        data = b""
        async for request in requests:
            assert request.HasField("data")
            data += request.data
        if len(data) < 100:
            raise InvalidArgument("too short", reason="TOO_LITTLE_SPEECH")

        def make():
            voice = asr_pb2.Voice(person_id=config.person_id, speech=from_seconds(len(data) / 1000), model="double")
            self.voices[config.workspace_id, config.person_id] = voice
            return asr_pb2.EnrollVoiceResponse(voice=voice)

        return self.ledger.once(config, make)

    async def ListVoices(self, request, context):
        found = [voice for (workspace, _), voice in sorted(self.voices.items()) if workspace == request.workspace_id]
        return asr_pb2.ListVoicesResponse(voices=found)

    async def DeleteVoice(self, request, context):
        def make():
            if self.voices.pop((request.workspace_id, request.person_id), None) is None:
                raise NotFound("no voice", reason="VOICE_NOT_FOUND")
            return asr_pb2.DeleteVoiceResponse()

        return self.ledger.once(request, make)

    def matches(self):
        return asr_pb2.RecognisedVoices(
            matches=[
                asr_pb2.RecognisedVoices.Match(speaker=speaker, person_id=person, confidence=0.97)
                for speaker, person in self.recognised.items()
            ]
        )

    async def RecognizeFile(self, request_iterator, context):
        data = b""
        async for request in request_iterator:
            data += request.data
        try:
            samples, rate = soundfile.read(io.BytesIO(data))
        except soundfile.LibsndfileError as error:
            raise InvalidArgument("no audio", reason="AUDIO_UNREADABLE") from error
        self.files.append((len(samples), rate))
        said = self.said if abs(samples).max() > 0.001 else []
        yield asr_pb2.RecognizeFileResponse(progress=asr_pb2.Progress(received=from_seconds(len(samples) / rate)))
        for number, (speaker, text) in enumerate(said):
            yield asr_pb2.RecognizeFileResponse(turn=turn(f"a{number}", speaker, text, number * 3.0))
        if self.recognised:
            yield asr_pb2.RecognizeFileResponse(voices=self.matches())
        finished = asr_pb2.Finished(
            duration=from_seconds(len(samples) / rate),
            turns=len(said),
            speakers=2 if said else 0,
            language="ru" if said else "",
        )
        yield asr_pb2.RecognizeFileResponse(finished=finished)

    async def StreamingRecognize(self, request_iterator, context):
        requests = aiter(request_iterator)
        first = await anext(requests)
        if first.HasField("resume") and self.forgets and first.resume.resume_token not in self.chunks:
            raise NotFound("no such stream", reason="STREAM_NOT_FOUND")
        token = first.resume.resume_token if first.HasField("resume") else f"new{self.forgets}{len(self.chunks) + 1}"
        heard = self.chunks.setdefault(token, [])
        opened = asr_pb2.Opened(stream_id="stm_1", resume_token=token, next_sequence=len(heard) + 1)
        yield asr_pb2.StreamingRecognizeResponse(opened=opened)
        event = first.resume.last_event_id
        async for request in requests:
            if request.HasField("audio"):
                assert request.audio.sequence == len(heard) + 1, (request.audio.sequence, len(heard))
                heard.append(request.audio.data)
                event += 1
                said = turn(f"l{len(heard)}", "S1", f"слышно {len(heard)}", len(heard) * 0.1)
                yield asr_pb2.StreamingRecognizeResponse(event_id=event, turn=said)
                for answer in self.script.get(len(heard), ()):
                    event += 1
                    answer.event_id = event
                    yield answer
                if len(heard) == 3 and self.recognised:
                    event += 1
                    yield asr_pb2.StreamingRecognizeResponse(event_id=event, voices=self.matches())


class Llm(llm_pb2_grpc.LlmServiceServicer):
    """Sums up by taking all turns as one part."""

    def __init__(self):
        self.ledger = Ledger()
        self.documents = {}
        self.templates = {"default": llm_pb2.Template(name="default", layout="x", built_in=True)}
        self.summarized = []
        self.fail_with = None
        self.refuse_documents = None
        self.policies = []

    async def GetUsage(self, request, context):
        took = llm_pb2.ModelUsage(
            provider="giga", purpose="summary", calls=3, prompt_tokens=100, cost_micros=250_000, currency="RUB"
        )
        return llm_pb2.GetUsageResponse(usage=[took] if request.workspace_id == "wsp_default" else [])

    async def GetCapabilities(self, request, context):
        return llm_pb2.GetCapabilitiesResponse(providers=[llm_pb2.ProviderState(name="giga", kind="gigachat")])

    async def Summarize(self, request, context):
        self.policies.append(request.policy)
        self.summarized.append(request)
        if request.template not in ("", *self.templates):
            raise NotFound(f"There is no template {request.template}.", reason="TEMPLATE_UNKNOWN")
        if self.fail_with is not None and request.strategy != llm_pb2.SUMMARY_STRATEGY_EXTRACTIVE:
            raise self.fail_with
        yield llm_pb2.SummarizeResponse(progress=llm_pb2.SummaryProgress(done=1, total=1))
        part = llm_pb2.SummaryPart(
            part_id="prt_1", title="Всё", text=request.turns[0].text, turn_ids=[t.turn_id for t in request.turns]
        )
        yield llm_pb2.SummarizeResponse(part=part)
        yield llm_pb2.SummarizeResponse(finished=llm_pb2.SummaryFinished(overview="Обсудили задачи.", language="ru"))

    async def ListTemplates(self, request, context):
        return llm_pb2.ListTemplatesResponse(templates=self.templates.values())

    async def PutTemplate(self, request, context):
        def make():
            self.templates[request.template.name] = request.template
            return llm_pb2.PutTemplateResponse(template=request.template)

        return self.ledger.once(request, make)

    async def DeleteTemplate(self, request, context):
        def make():
            return llm_pb2.DeleteTemplateResponse(deleted=bool(self.templates.pop(request.name, None)))

        return self.ledger.once(request, make)

    async def UpsertDocuments(self, request, context):
        if self.refuse_documents is not None:
            raise self.refuse_documents

        def make():
            for document in request.documents:
                self.documents[document.document_id] = document
            letters = sum(len(document.file.data.decode(errors="replace")) for document in request.documents)
            return llm_pb2.UpsertDocumentsResponse(written=len(request.documents), letters=letters)

        return self.ledger.once(request, make)

    async def DeleteDocuments(self, request, context):
        def make():
            gone = [
                key
                for key, document in self.documents.items()
                if (key if request.document_id else document.meeting_id) == (request.document_id or request.meeting_id)
            ]
            for key in gone:
                del self.documents[key]
            return llm_pb2.DeleteDocumentsResponse(deleted=len(gone))

        return self.ledger.once(request, make)

    async def Ask(self, request, context):
        self.reader = request.reader
        self.policies.append(request.policy)
        yield llm_pb2.AskResponse(text=f"Ответ на «{request.question}»")
        yield llm_pb2.AskResponse(finished=llm_pb2.AskFinished(answered=True))


class Match(match_pb2_grpc.MatchServiceServicer):
    """A turn is about the card with which it shares a long word; «новая карточка» asks for one.

    «срок пятница» sets the due date, «перенести в <column>» moves, everything else is a comment.
    """

    def __init__(self):
        self.ledger = Ledger()
        self.boards = {}
        self.learned = []

    async def IndexCards(self, request, context):
        def make():
            self.boards[request.board.board_id] = list(request.cards)
            return match_pb2.IndexCardsResponse(indexed=len(request.cards))

        return self.ledger.once(request, make)

    async def Match(self, request, context):
        if request.board_id not in self.boards:
            raise FailedPrecondition("index first", reason="BOARD_NOT_INDEXED")
        response = match_pb2.MatchResponse()
        for text in request.turns:
            found = response.turns.add(turn_id=text.text_id, decision=match_pb2.MATCH_DECISION_NOTHING, probability=0.9)
            if "новую карточку" in text.text.lower():
                found.decision, found.new_card_group = match_pb2.MATCH_DECISION_NEW_CARD, "new1"
                continue
            words = {word.lower()[:6] for word in WORD.findall(text.text)}
            for card in self.boards[request.board_id]:
                shared = words & {word.lower()[:6] for word in WORD.findall(card.title)}
                if shared:
                    found.decision, found.card_id = match_pb2.MATCH_DECISION_AUTO, card.card_id
                    found.candidates.add(
                        card_id=card.card_id, probability=0.9, signals=match_pb2.MatchSignals(lexical=1.0)
                    )
        return response

    async def Difference(self, request, context):
        response = match_pb2.DifferenceResponse()
        for text in request.turns:
            change = self._change(request, text.text)
            if change is not None:
                evidence = Evidence(turn_id=text.text_id, quote=text.text, speaker=text.speaker)
                response.changes.append(
                    ProposedChange(change=change, evidence=[evidence], reason="Сказано", confidence=0.8)
                )
        return response

    def _change(self, request, text):
        lower = text.lower()
        if not request.HasField("card"):
            return CardChange(create_card=CreateCard(title=text[:80]))
        if "срок" in lower:
            change = SetDueDate(due=from_date(date(2026, 3, 6)))
            if request.card.HasField("due"):
                change.previous.CopyFrom(request.card.due)
            return CardChange(set_due_date=change)
        for column in request.board.columns:
            if f"в {column.title.lower()}" in lower:
                move = MoveCard(
                    column_id=column.column_id, column_title=column.title, previous_column_id=request.card.column_id
                )
                return CardChange(move_card=move)
        return CardChange(add_comment=AddComment(text=text))

    async def Learn(self, request, context):
        def make():
            self.learned.append(request)
            return match_pb2.LearnResponse(decisions=len(self.learned))

        return self.ledger.once(request, make)


def turn(turn_id, speaker, text, start):
    return Turn(
        turn_id=turn_id,
        revision=1,
        state=TurnState.TURN_STATE_FINAL,
        speaker=speaker,
        speaker_confidence=0.9,
        start=from_seconds(start),
        end=from_seconds(start + 2.5),
        text=text,
        language="ru",
    )


def asr():
    return Double(Asr(), asr_pb2_grpc.add_AsrServiceServicer_to_server, "planerka.asr.v1.AsrService")


def llm():
    return Double(Llm(), llm_pb2_grpc.add_LlmServiceServicer_to_server, "planerka.llm.v1.LlmService")


def match():
    return Double(Match(), match_pb2_grpc.add_MatchServiceServicer_to_server, "planerka.match.v1.MatchService")


__all__ = ["Asr", "Double", "Ledger", "Llm", "Match", "asr", "asyncio", "grpc", "llm", "match", "turn"]
