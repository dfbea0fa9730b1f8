"""How well proposals are calibrated, through the public door, with the real match service behind it."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from planerka.match.v1 import match_pb2, match_pb2_grpc
from planerka.orchestrator.v1 import calibration_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.proposal_pb2 import Verdict
from planerka.orchestrator.v1.workspace_pb2 import Role, WorkspacePerson

from mesh.channel import open_channel
from mesh.errors import remote_error

pytestmark = pytest.mark.models

TALK = (
    ("Ирина", "Александр, начни, пожалуйста, с авторизации через Google."),
    ("Александр", "Авторизация через Google почти готова. Осталось написать тесты, к пятнице сделаю."),
    ("Ирина", "Теперь экспорт отчётов в PDF, заказчик жалуется, что выгрузка отчётов падает."),
    ("Александр", "Экспорт отчётов всё собирает в памяти. Надо переписать на потоковую запись. Я возьму это на себя."),
)
CARDS = (("A1", "Авторизация через Google"), ("A2", "Экспорт отчётов в PDF"), ("A3", "Тёмная тема"))


async def calibration(client, workspace=""):
    return await client.stub.GetCalibration(calibration_pb2.GetCalibrationRequest(workspace_id=workspace))


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return remote_error(caught.value)


async def test_decisions_of_a_meeting_come_back_as_a_diagram(matched):
    async with matched.orchestrator() as client:
        board = (await client.board(cards=CARDS)).board
        meeting = await client.talk(*TALK, board_id=board.board_id)
        found = [one for one in await client.waiting(meeting.meeting_id, seconds=60) if one.HasField("card")]
        assert len(found) >= 2
        before = await calibration(client)
        assert (before.decisions, len(before.bins), before.HasField("fitted_at")) == (0, 10, False)
        assert 0 < before.confirm_threshold < before.auto_threshold <= 1

        await client.decide(found[0].proposal_id, Verdict.VERDICT_REJECT)
        for one in found[1:]:
            await client.decide(one.proposal_id)
        for _ in range(400):
            after = await calibration(client)
            if after.decisions == len(found):
                break
            await asyncio.sleep(0.05)
        assert sum(bar.count for bar in after.bins) == after.decisions == len(found)
        approved = sum(round(bar.approved_share * bar.count) for bar in after.bins)
        assert approved == len(found) - 1
        shown = sum(bar.mean_probability * bar.count for bar in after.bins)
        assert shown == pytest.approx(sum(one.match_probability for one in found), abs=1e-4)
        # So few decisions teach nothing, and the answer says so.
        assert (after.HasField("fitted_at"), after.slope, after.shift) == (False, 1.0, 0.0)


async def test_every_member_reads_what_the_workspace_learnt_and_nobody_reads_anothers(matched):
    async with matched.orchestrator() as owner:
        workspace = (await owner.stub.GetWorkspaceSettings(pb.GetWorkspaceSettingsRequest())).settings.workspace_id
        address = f"127.0.0.1:{matched.ports['match']}"
        async with open_channel(address, matched.mesh, ["planerka.match.v1.MatchService"]) as channel:
            stub = match_pb2_grpc.MatchServiceStub(channel)
            for number in range(40):
                await stub.Learn(
                    match_pb2.LearnRequest(
                        workspace_id=workspace,
                        board_id="brd",
                        proposal_id=f"prp_{number}",
                        text="t",
                        proposed_card_id="crd",
                        approved=number % 2 == 0,
                        probability=0.95,
                        idempotency_key=f"k{number}",
                    )
                )
            known = await stub.GetCalibration(match_pb2.GetCalibrationRequest(workspace_id=workspace))
        viewer = WorkspacePerson(name="Вера", role=Role.ROLE_VIEWER)
        person = (await owner.stub.PutPerson(pb.PutPersonRequest(person=viewer, idempotency_key="p"))).person
        request = pb.CreateTokenRequest(person_id=person.person_id, purpose="test", idempotency_key="t")
        client = matched.client(owner.port, (await owner.stub.CreateToken(request)).secret)

        told = await calibration(client)
        assert {name.name for name, _ in told.ListFields()} == {name.name for name, _ in known.ListFields()}
        for field, value in known.ListFields():
            assert getattr(told, field.name) == value, field.name
        assert (told.decisions, told.bins[9].approved_share) == (40, 0.5)
        assert told.shift < 0
        assert told.learnt_error < told.expected_calibration_error

        assert (await refused(calibration(client, "wsp_other"))).reason == "OTHER_WORKSPACE"
        await matched.stop("match")
        error = await refused(calibration(client))
        assert (error.code, error.reason) == (grpc.StatusCode.UNAVAILABLE, "SERVICE_AWAY")
        await client.close()
