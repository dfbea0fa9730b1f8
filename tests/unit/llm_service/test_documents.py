"""Chunks, filters and joined rankings."""

from __future__ import annotations

from llm_service.documents import Document, Passage, audience_of, cut_document, paragraphs
from llm_service.retrieval import fuse, share_of_words
from llm_service.vectors import Filter


def document(*passages: Passage, title: str = "Планёрка", readers: tuple[str, ...] = ()) -> Document:
    return Document("d1", 1, title, "m1", "", 1_772_000_000_000, readers, passages)


def test_turns_are_put_together_up_to_the_size():
    turns = [Passage("слово " * 20, f"t{n}", "Анна" if n % 2 else "Ирина", n * 1000, n * 1000 + 900) for n in range(6)]
    chunks = cut_document("w", document(*turns), 300)
    assert [chunk.turn_ids for chunk in chunks] == [("t0", "t1"), ("t2", "t3"), ("t4", "t5")]
    assert chunks[1].speakers == ("Ирина", "Анна")
    assert (chunks[1].start_us, chunks[1].end_us) == (2000, 3900)
    assert chunks[0].header == "Планёрка · 2026-02-25"


def test_a_long_turn_is_cut_between_sentences_and_nothing_is_lost():
    text = " ".join(f"Это предложение номер {n} о переносе базы." for n in range(40))
    chunks = cut_document("w", document(Passage(text, "t1", "Анна", 0, 10)), 300)
    assert len(chunks) > 3
    assert all(len(chunk.text) <= 310 for chunk in chunks)
    assert "".join(chunk.text.removeprefix("Анна: ") for chunk in chunks).replace(" ", "") == text.replace(" ", "")


def test_a_text_without_any_end_of_sentence_is_cut_too():
    chunks = cut_document("w", document(Passage("а" * 5000)), 300)
    assert sum(len(chunk.text.replace("\n", "")) for chunk in chunks) == 5000


def test_markdown_sections_stay_apart():
    passages = paragraphs("Введение.\n\n# Релиз\n\nВыпуск в мае.\n\n## Риски ##\n\nМало тестов.", markdown=True)
    assert [(one.section, one.text) for one in passages] == [
        ("", "Введение."),
        ("Релиз", "Выпуск в мае."),
        ("Риски", "Мало тестов."),
    ]
    chunks = cut_document("w", document(*passages), 300)
    assert [chunk.header for chunk in chunks] == [
        f"Планёрка · 2026-02-25{rest}" for rest in ("", " · Релиз", " · Риски")
    ]


def test_the_hash_sees_content_and_readers():
    first = document(Passage("а"))
    assert first.content_hash == document(Passage("а")).content_hash
    assert first.content_hash != document(Passage("б")).content_hash
    assert first.content_hash != document(Passage("а"), readers=("ppl_1",)).content_hash


def test_an_audience_does_not_depend_on_order():
    assert audience_of(["b", "a"]) == audience_of(["a", "b", "a"])
    assert audience_of([]) == ""


def test_no_text_of_a_caller_gets_into_a_filter():
    evil = 'x" or workspace != "'
    expression = Filter(evil, ("", "aud_1"), (1, 2), (evil,), 5, 9).expression()
    assert evil not in expression
    assert expression.count('"') == 2 + 4 + 2
    assert "kind in [1, 2]" in expression
    assert expression.endswith("happened >= 5 and happened > 0 and happened < 9")


def test_a_reader_without_rights_still_has_an_audience():
    assert 'audience in [""]' in Filter("w", ("",)).expression()
    assert "audience" not in Filter("w", None).expression()


def test_words_in_common_decide_between_neighbours():
    ranked = fuse([("a", 0.86), ("b", 0.85), ("c", 0.80)], [("b", 9.0), ("d", 3.0)], held=1.0)
    assert ranked[0][0] == "b"
    assert {chunk for chunk, _ in ranked} == {"a", "b", "c", "d"}


def test_words_that_agree_by_chance_do_not_count():
    ranked = fuse([("a", 0.86), ("b", 0.85)], [("b", 9.0)], held=0.2)
    assert [chunk for chunk, _ in ranked] == ["a", "b"]


def test_a_share_counts_each_word_once():
    assert share_of_words(["база", "база", "перенос"], ["база", "сервер"]) == 0.5
    assert share_of_words([], ["база"]) == 0.0


def test_a_half_full_chunk_ends_where_the_subject_changes():
    said = [
        "Полный возврат работает, а с частичным есть проблема.",
        "Понятно, ждём. И ещё, маркетинг просит промокоды.",
        "Это две недели работы.",
    ]
    turns = [Passage(text, f"t{number}", "Анна") for number, text in enumerate(said)]
    chunks = cut_document("w", document(*turns), 160)
    assert [chunk.text.count("промокоды") for chunk in chunks] == [0, 1]
    assert chunks[0].turn_ids == ("t0", "t1")
    assert chunks[1].turn_ids == ("t1", "t2")


def test_a_change_is_only_felt_nearby():
    said = [f"Мы обсудили задачу номер {n} и решили, что её сделает группа {n * 7 % 13} к сроку." for n in range(200)]
    turns = [Passage(text, f"t{number}", "Анна") for number, text in enumerate(said)]
    before = {chunk.chunk_id for chunk in cut_document("w", document(*turns), 450)}
    changed = [*turns[:20], Passage("А это вставили потом, и оно ни на что не похоже.", "t_new", "Ирина"), *turns[20:]]
    after = {chunk.chunk_id for chunk in cut_document("w", document(*changed), 450)}
    assert len(before) > 30
    assert 0 < len(after - before) <= 6
    others = {chunk.chunk_id for chunk in cut_document("w", document(*turns, readers=("ppl_1",)), 450)}
    assert not others & before, "other readers have other vectors"


def test_alike_chunks_of_a_document_stay_apart():
    chunks = cut_document("w", document(Passage("одно и то же", section="а"), Passage("другое", section="б")), 300)
    again = cut_document("w", document(*(Passage("да", page=page % 2) for page in range(6))), 300)
    assert len({chunk.chunk_id for chunk in [*chunks, *again]}) == 8


def test_a_message_has_its_own_moment():
    chunks = cut_document("w", document(Passage("да", "t1", "Анна", written_ms=1_760_000_000_000)), 300)
    assert chunks[0].happened_ms == 1_760_000_000_000
    assert chunks[0].header == "Планёрка · 2025-10-09"
