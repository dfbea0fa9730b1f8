"""A client that is killed is no client that has finished."""

from __future__ import annotations

import asyncio
import sys

import pytest
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb
from planerka.orchestrator.v1.meeting_pb2 import MeetingState

CLIENT = """
import sys, time, grpc
from planerka.asr.v1 import asr_pb2
from planerka.orchestrator.v1 import orchestrator_pb2 as pb, orchestrator_pb2_grpc
from planerka.orchestrator.v1.meeting_pb2 import MeetingConfig

def requests():
    config = pb.LiveConfig(
        meeting=MeetingConfig(idempotency_key="k"), encoding=asr_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate=16000, channels=1
    )
    yield pb.StreamMeetingRequest(config=config)
    for number in range(1, 6):
        yield pb.StreamMeetingRequest(audio=asr_pb2.AudioChunk(sequence=number, data=bytes(3200)))
    time.sleep(60)

stub = orchestrator_pb2_grpc.OrchestratorServiceStub(grpc.insecure_channel(sys.argv[1]))
for response in stub.StreamMeeting(requests()):
    if response.HasField("opened"):
        print(response.opened.meeting_id, response.opened.resume_token, flush=True)
    if response.ack.sequence == 5:
        print("safe", flush=True)
"""


@pytest.mark.parametrize("how", ["kill", "terminate"])
async def test_a_killed_client_leaves_the_meeting_open(mesh, how):
    async with mesh.orchestrator(resume_window_seconds=60) as client:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, f"127.0.0.1:{client.port}", stdout=asyncio.subprocess.PIPE
        )
        meeting_id, token = (await asyncio.wait_for(process.stdout.readline(), 20)).decode().split()
        assert (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip() == "safe"
        getattr(process, how)()
        await process.wait()
        await asyncio.sleep(1)
        assert (await client.detail(meeting_id)).meeting.state == MeetingState.MEETING_STATE_LIVE

        async def resume():
            yield pb.StreamMeetingRequest(resume=asr_pb2.StreamResume(resume_token=token))

        responses = [response async for response in client.stub.StreamMeeting(resume())]
        assert responses[0].opened.next_sequence == 6
        assert responses[-1].HasField("closed")
