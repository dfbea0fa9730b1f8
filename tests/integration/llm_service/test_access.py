"""Whatever is written, changed, deleted and forbidden in whatever order: no search returns a deleted or a foreign chunk.

Random histories run against the real stores, with a model of what must be there; the vectors are hashes of words, so that thousands of
searches take seconds.
"""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from llm_service.documents import Document, Passage
from llm_service.knowledge import Access, Knowledge, Narrowed
from llm_service.settings import LlmSettings

WORKSPACES = ("wsp_a", "wsp_b")
PEOPLE = ("ppl_1", "ppl_2", "lead")
WORDS = ("миграция", "бюджет", "релиз", "отпуск", "склад", "крыша")


class Hashing:
    """Stands in for the embedding model: a sum of one random vector per word."""

    fingerprint = "hashing:1"
    dimension = 32

    def embed_passages(self, texts):
        found = np.array([sum(self._of(word) for word in text.split()) for text in texts], dtype=np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    embed_queries = embed_passages

    def _of(self, word):
        seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
        return np.random.default_rng(seed).standard_normal(self.dimension)


class Histories(RuleBasedStateMachine):
    loop: asyncio.AbstractEventLoop
    knowledge: Knowledge
    run_number = 0

    @initialize()
    def begin(self):
        # Every history has workspaces of its own in the one pair of stores, which take a second to open.
        Histories.run_number += 1
        self.names = {name: f"{name}:{Histories.run_number}" for name in WORKSPACES}
        self.truth = {name: {} for name in WORKSPACES}

    @rule(
        workspace=st.sampled_from(WORKSPACES),
        number=st.integers(0, 3),
        words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
        parts=st.integers(1, 3),
        readers=st.sets(st.sampled_from(PEOPLE), max_size=2),
        meeting=st.sampled_from(("", "m1", "m2")),
    )
    def upsert(self, workspace, number, words, parts, readers, meeting):
        passages = tuple(Passage(" ".join(words), section=f"s{part}") for part in range(parts))
        document = Document(f"d{number}", 6, "", meeting, "", None, tuple(sorted(readers)), passages)
        self.do(self.knowledge.upsert(self.names[workspace], [document], lambda *_: None))
        self.truth[workspace][document.document_id] = document

    @rule(workspace=st.sampled_from(WORKSPACES), number=st.integers(0, 3))
    def delete(self, workspace, number):
        self.do(self.knowledge.delete(self.names[workspace], document_id=f"d{number}", remember=lambda *_: None))
        self.truth[workspace].pop(f"d{number}", None)

    @rule(workspace=st.sampled_from(WORKSPACES), meeting=st.sampled_from(("m1", "m2")))
    def delete_meeting(self, workspace, meeting):
        self.do(self.knowledge.delete(self.names[workspace], meeting_id=meeting, remember=lambda *_: None))
        kept = {name: one for name, one in self.truth[workspace].items() if one.meeting_id != meeting}
        self.truth[workspace] = kept

    @invariant()
    def everybody_finds_exactly_what_is_theirs(self):
        if not hasattr(self, "truth"):
            return
        for workspace in WORKSPACES:
            for readers in ({"ppl_1"}, {"ppl_2", "lead"}, set(), None):
                access = Access(self.names[workspace], None if readers is None else frozenset(readers))
                found = self.do(self.knowledge.search(" ".join(WORDS), access, Narrowed(), 100))
                expected = {
                    (one.document_id, passage.section, passage.text)
                    for one in self.truth[workspace].values()
                    if readers is None or not one.readers or readers & set(one.readers)
                    for passage in one.passages
                }
                assert {(one.document_id, one.header, one.text) for one in found} == expected
                assert len(found) == len(expected)

    def do(self, work):
        return self.loop.run_until_complete(work)


@pytest.mark.timeout(600)
def test_no_history_leaks(tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    knowledge = Knowledge(LlmSettings(state=tmp_path, provider="none"), Hashing())
    Histories.loop, Histories.knowledge = loop, knowledge
    loop.run_until_complete(knowledge.open())
    try:
        run_state_machine_as_test(
            Histories,
            settings=settings(
                max_examples=25,
                stateful_step_count=12,
                deadline=None,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            ),
        )
    finally:
        loop.run_until_complete(knowledge.close())
        loop.close()
