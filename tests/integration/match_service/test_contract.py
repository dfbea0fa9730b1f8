"""The contract of the matching service, through a real server and the real model."""

import math
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from planerka.common.v1 import change_pb2
from planerka.match.v1 import match_pb2 as pb
from planerka.match.v1 import match_pb2_grpc

from evaluation.matching import link_figures
from match_service.service import MatchHosted
from match_service.settings import MatchSettings
from mesh.errors import PlanerkaError, remote_error
from mesh.server import host
from mesh.settings import MeshSettings
from tests import cross_encoder
from tests.integration.match_service.boards import people_of, read_board, read_truth, turns_of
from textkit.reranker import Reranker

pytestmark = pytest.mark.models


async def index(stub, name: str, key: str = "k1") -> None:
    board, cards = read_board(name)
    await stub.IndexCards(
        pb.IndexCardsRequest(workspace_id="w", board=board, cards=cards, complete=True, idempotency_key=key)
    )


async def refused(call) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        await call
    error = remote_error(caught.value)
    return error.code, error.reason


async def test_texts_and_cards_are_scored_both_ways(stub) -> None:
    await index(stub, "cafe_ru")
    texts = [
        pb.MatchText(text_id="x", text="Плитку привезли не всю, пол в зале ещё не положили."),
        pb.MatchText(text_id="y", text="The coffee machine is paid for."),
    ]

    there = await stub.ScoreTexts(pb.ScoreTextsRequest(workspace_id="w", board_id="cafe_ru", texts=texts, limit=3))
    back = await stub.ScoreCards(
        pb.ScoreCardsRequest(workspace_id="w", board_id="cafe_ru", texts=texts, card_ids=["C4", "C1"])
    )

    assert [ranking.cards[0].card_id for ranking in there.rankings] == ["C1", "C4"]
    assert all(len(ranking.cards) == 3 for ranking in there.rankings)
    assert all(0 <= card.probability <= 1 and 0 <= card.score <= 1 for r in there.rankings for card in r.cards)
    assert [(ranking.card_id, ranking.texts[0].text_id) for ranking in back.rankings] == [("C4", "y"), ("C1", "x")]


async def test_a_cross_encoder_orders_the_cards_of_unsure_texts(
    stub, tmp_path: Path, mesh_settings: MeshSettings
) -> None:
    _, cards = read_board("cafe_ru")
    spoken = ["Озвучила, всех устраивает. Кофемашина?", "Электрик придёт в четверг, за день управится.", "Пока!"]
    words = " ".join([*spoken, *(f"{card.title} {card.description}" for card in cards)])
    folder = cross_encoder.save(tmp_path / "reranker", words.replace(".", " ").replace(",", " ").split())
    request = pb.ScoreTextsRequest(
        workspace_id="w",
        board_id="cafe_ru",
        texts=[pb.MatchText(text_id=f"t{number}", text=text) for number, text in enumerate(spoken)],
    )
    await index(stub, "cafe_ru")
    plain = await stub.ScoreTexts(request)

    hosted = MatchHosted(MatchSettings(state=tmp_path / "other", reranker=folder))
    async with (
        host(hosted, "127.0.0.1:0", mesh_settings) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        other = match_pb2_grpc.MatchServiceStub(channel)
        await index(other, "cafe_ru")
        reranked = await other.ScoreTexts(request)

    reader = Reranker(folder)
    passages = {card.card_id: f"{card.title}\n{card.description}" for card in cards}
    unsure = 0
    for text, before, after in zip(spoken, plain.rankings, reranked.rankings, strict=True):
        assert (after.decision, after.no_card_probability) == (before.decision, before.no_card_probability)
        assert [one.probability for one in after.cards] == [one.probability for one in before.cards]
        if before.decision != pb.MATCH_DECISION_CONFIRM:
            assert after == before
            continue
        unsure += 1
        ids = [one.card_id for one in before.cards]
        wanted = [ids[place] for place in reader.order(text, [passages[card_id] for card_id in ids])]
        assert [one.card_id for one in after.cards] == wanted != ids
    assert unsure


async def test_a_missing_reranker_stops_the_start(tmp_path: Path, mesh_settings: MeshSettings) -> None:
    hosted = MatchHosted(MatchSettings(state=tmp_path / "match", reranker=tmp_path / "nothing"))

    with pytest.raises(PlanerkaError, match=r"model\.onnx.*Check `reranker`"):
        await hosted.open()
    await hosted.close()


@pytest.mark.parametrize(("name", "least"), [("cafe_ru", 0.85), ("library_en", 0.85)])
async def test_a_meeting_is_linked_and_its_differences_are_quoted(stub, name: str, least: float) -> None:
    await index(stub, name)
    board, cards = read_board(name)
    truth = read_truth(name)
    turns = turns_of(truth)
    part = pb.MatchPart(
        part_id="p1", title=cards[0].title, text=cards[0].description, turn_ids=[t.text_id for t in turns]
    )

    match = await stub.Match(
        pb.MatchRequest(workspace_id="w", board_id=name, turns=turns, parts=[part], people=people_of(board))
    )

    found = [f"NEW:{turn.new_card_group}" if turn.new_card_group else turn.card_id or None for turn in match.turns]
    assert link_figures([turn["card"] for turn in truth["turns"]], found)["link_f1"] >= least
    linked = {turn.card_id for turn in match.turns if turn.card_id}
    assert {pair.card_id for pair in match.parts if pair.card_id} >= linked
    assert {card.card_id for card in match.untouched}.isdisjoint(linked)
    texts = {turn.text_id: turn.text for turn in turns}
    changes = 0
    for card in cards:
        own = [
            turn
            for turn, one in zip(turns, match.turns, strict=True)
            if card.card_id in [one.card_id, *one.other_card_ids]
        ]
        if not own:
            continue
        request = pb.DifferenceRequest(workspace_id="w", board=board, card=card, turns=own, people=people_of(board))
        request.meeting_started_at.FromJsonString(f"{truth['date']}T09:00:00Z")
        first = await stub.Difference(request)
        for change in first.changes:
            changes += 1
            assert change.evidence
            assert all(evidence.quote in texts[evidence.turn_id] for evidence in change.evidence)
        request.known.extend(change.change for change in first.changes)
        assert not (await stub.Difference(request)).changes
    assert changes >= len(linked)
    new = [turn for turn, one in zip(turns, match.turns, strict=True) if one.new_card_group]
    created = await stub.Difference(
        pb.DifferenceRequest(workspace_id="w", board=board, turns=new, people=people_of(board))
    )
    assert [change.change.WhichOneof("change") for change in created.changes] == ["create_card"]


async def test_an_index_survives_a_restart_and_a_change_is_seen(tmp_path: Path, mesh_settings: MeshSettings) -> None:
    from planerka.match.v1 import match_pb2_grpc

    board, cards = read_board("cafe_ru")
    text = pb.MatchText(text_id="x", text="Фонтан во дворе не работает")
    for key in ("before", "after"):
        async with (
            host(MatchHosted(MatchSettings(state=tmp_path)), "127.0.0.1:0", mesh_settings) as running,
            grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
        ):
            stub = match_pb2_grpc.MatchServiceStub(channel)
            if key == "before":
                await index(stub, "cafe_ru", key)
                continue
            query = pb.ScoreTextsRequest(workspace_id="w", board_id="cafe_ru", texts=[text], limit=1)
            before = (await stub.ScoreTexts(query)).rankings[0]
            cards[8].title = "Фонтан во дворе"
            answer = await stub.IndexCards(
                pb.IndexCardsRequest(workspace_id="w", board=board, cards=cards, complete=True, idempotency_key=key)
            )
            after = (await stub.ScoreTexts(query)).rankings[0]
    assert (answer.indexed, answer.unchanged) == (1, len(cards) - 1)
    assert after.cards[0].card_id == "C9"
    assert after.no_card_probability < before.no_card_probability


async def test_bad_requests_get_typed_errors(stub) -> None:
    text = pb.MatchText(text_id="x", text="текст")
    score = pb.ScoreTextsRequest(workspace_id="w", board_id="cafe_ru", texts=[text])
    assert await refused(stub.ScoreTexts(score)) == (grpc.StatusCode.FAILED_PRECONDITION, "BOARD_NOT_INDEXED")
    await index(stub, "cafe_ru")
    board, cards = read_board("cafe_ru")
    cards_request = pb.ScoreCardsRequest(workspace_id="w", board_id="cafe_ru", texts=[text], card_ids=["nope"])
    assert await refused(stub.ScoreCards(cards_request)) == (grpc.StatusCode.NOT_FOUND, "CARD_NOT_INDEXED")
    twice = pb.ScoreTextsRequest(workspace_id="w", board_id="cafe_ru", texts=[text, text])
    assert await refused(stub.ScoreTexts(twice)) == (grpc.StatusCode.INVALID_ARGUMENT, "DUPLICATE_TEXT_ID")
    part = pb.MatchPart(part_id="p", turn_ids=["missing"])
    match = pb.MatchRequest(workspace_id="w", board_id="cafe_ru", turns=[text], parts=[part])
    assert await refused(stub.Match(match)) == (grpc.StatusCode.INVALID_ARGUMENT, "UNKNOWN_TURN")
    difference = pb.DifferenceRequest(workspace_id="w", board=board, card=cards[0], turns=[text], time_zone="Mars/Base")
    difference.meeting_started_at.FromSeconds(1_770_000_000)
    assert await refused(stub.Difference(difference)) == (grpc.StatusCode.INVALID_ARGUMENT, "TIME_ZONE_UNKNOWN")
    difference.time_zone, difference.language = "Europe/Moscow", "klingon"
    assert await refused(stub.Difference(difference)) == (grpc.StatusCode.INVALID_ARGUMENT, "LANGUAGE_UNKNOWN")
    empty = pb.ScoreTextsRequest(workspace_id="w", board_id="cafe_ru")
    assert (await refused(stub.ScoreTexts(empty)))[0] == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("text", ["🙂", "\x01\x02", "....", "١٢٣ مرحبا", "a" * 60_000, "нет " * 10_000])
async def test_odd_texts_do_no_harm(stub, text: str) -> None:
    await index(stub, "clinic_en")
    board, cards = read_board("clinic_en")
    turns = [pb.MatchText(text_id="x", text=text, speaker="Greg")]

    match = await stub.Match(pb.MatchRequest(workspace_id="w", board_id="clinic_en", turns=turns))
    request = pb.DifferenceRequest(workspace_id="w", board=board, card=cards[0], turns=turns)
    difference = await stub.Difference(request)

    assert len(match.turns) == 1
    for change in difference.changes:
        assert all(evidence.quote and evidence.quote in text for evidence in change.evidence)
        assert isinstance(change, change_pb2.ProposedChange)


async def test_decisions_are_counted_in_the_calibration(stub) -> None:
    for number in range(10):
        await stub.Learn(
            pb.LearnRequest(
                workspace_id="w",
                board_id="b",
                proposal_id=f"prp_{number}",
                text="t",
                proposed_card_id="c",
                approved=number < 9,
                probability=0.92,
                idempotency_key=f"k{number}",
            )
        )

    calibration = await stub.GetCalibration(pb.GetCalibrationRequest(workspace_id="w"))
    assert calibration.decisions == 10
    assert calibration.bins[9].count == 10
    assert calibration.expected_calibration_error == pytest.approx(0.02, abs=1e-4)
    assert calibration.bins[9].approved_low < 0.9 < calibration.bins[9].approved_high
    assert not calibration.HasField("fitted_at")


async def test_rejections_take_trust_from_their_workspace_alone(stub) -> None:
    board, cards = read_board("cafe_ru")
    for workspace in ("strict", "other"):
        await stub.IndexCards(
            pb.IndexCardsRequest(workspace_id=workspace, board=board, cards=cards, idempotency_key=f"i{workspace}")
        )
    text = pb.MatchText(text_id="t", text=cards[0].title)

    async def scored(workspace: str) -> pb.ScoredCard:
        request = pb.ScoreTextsRequest(workspace_id=workspace, board_id=board.board_id, texts=[text])
        return (await stub.ScoreTexts(request)).rankings[0].cards[0]

    before = await scored("strict")
    for number in range(60):
        await stub.Learn(
            pb.LearnRequest(
                workspace_id="strict",
                board_id=board.board_id,
                proposal_id=f"prp_{number}",
                text="t",
                proposed_card_id=cards[0].card_id,
                approved=number % 2 == 0,
                probability=0.95,
                signals=pb.MatchSignals(built_in_probability=0.95),
                idempotency_key=f"k{number}",
            )
        )

    after = await scored("strict")
    assert after.probability < before.probability - 0.001
    assert after.signals.built_in_probability == pytest.approx(before.probability)
    assert (await scored("other")).probability == pytest.approx(before.probability)
    calibration = await stub.GetCalibration(pb.GetCalibrationRequest(workspace_id="strict"))
    assert calibration.HasField("fitted_at")
    assert calibration.learnt_error < calibration.expected_calibration_error
    assert calibration.auto_threshold >= 0.85
    corrected = 1 / (1 + math.exp(-(calibration.slope * math.log(0.95 / 0.05) + calibration.shift)))
    assert corrected < calibration.auto_threshold, "what was rejected half of the time is not done unasked any more"


async def test_health_is_serving_only_with_the_model(
    tmp_path: Path, mesh_settings: MeshSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "planerka.match.v1.MatchService"
    hosted = MatchHosted(MatchSettings(state=tmp_path / "ok"))
    async with (
        host(hosted, "127.0.0.1:0", mesh_settings) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.port}") as channel,
    ):
        health = health_pb2_grpc.HealthStub(channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service=name))
    assert answer.status == health_pb2.HealthCheckResponse.SERVING

    monkeypatch.setenv("PLANERKA_MODELS", str(tmp_path / "empty"))
    from mesh.errors import PlanerkaError

    bare = MatchHosted(MatchSettings(state=tmp_path / "bare"))
    with pytest.raises(PlanerkaError, match="multilingual-e5-small"):
        async with host(bare, "127.0.0.1:0", mesh_settings):
            pass
    with pytest.raises(PlanerkaError):
        await bare.check()
