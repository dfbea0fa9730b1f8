"""What a lead sees and does on the page, against an orchestrator that keeps a ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from planerka.asr.v1 import asr_pb2
from planerka.common.v1 import transcript_pb2
from planerka.orchestrator.v1 import meeting_pb2, orchestrator_pb2, proposal_pb2
from playwright.sync_api import Page, expect

from mesh.times import from_datetime, from_seconds
from tests.browser.double import BEGUN, Double, calibration

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

Visit = Callable[[str], Page]


def proposal(page: Page, proposal_id: str) -> object:
    return page.locator(f".st-key-proposal-{proposal_id}")


def test_proposals_are_shown_with_difference_quote_and_reason(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    move = proposal(page, "prp_move")
    expect(move).to_contain_text("Вход через Google и Яндекс")
    expect(move.locator("del")).to_have_text("В работе")
    expect(move.locator("ins")).to_have_text("Ревью")
    expect(move.locator("blockquote")).to_contain_text("“в пятницу переводим карточку в ревью”")
    expect(move.locator("blockquote footer")).to_have_text("Ирина · 00:19")
    expect(move).to_contain_text("89 % уверенность")
    expect(move).to_contain_text("или «Ускорить холодный старт приложения» 7 %")
    expect(proposal(page, "prp_new")).to_contain_text("Новая карточка")
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_approving_decides_once_and_changes_the_board(visit: Visit, double: Double, tmp_path: Path) -> None:
    page = visit(double.address)
    expect(page.locator(".pk-card.changed")).to_have_count(0)
    proposal(page, "prp_move").get_by_role("button", name="Подтвердить", exact=True).click()
    expect(page.get_by_text("Готово: Перенести: В работе → Ревью")).to_be_visible()
    changed = page.locator(".pk-card.changed")
    expect(changed).to_have_count(1)
    expect(changed).to_contain_text("Вход через Google и Яндекс")
    review = page.locator(".pk-column", has=page.get_by_role("heading", name="Ревью"))
    expect(review.locator('[data-card="A1"]')).to_have_count(1)
    (decision,) = double.decisions
    assert (decision.proposal_id, decision.verdict, decision.channel) == (
        "prp_move",
        proposal_pb2.VERDICT_APPROVE,
        "web",
    )
    assert decision.idempotency_key
    shot = tmp_path / "page.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 20_000


def test_rejecting_leaves_the_board_alone(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    proposal(page, "prp_due").get_by_role("button", name="Отклонить", exact=True).click()
    expect(page.get_by_text("Отклонено.")).to_be_visible()
    expect(proposal(page, "prp_due")).to_contain_text("отклонено")
    assert double.decisions[0].verdict == proposal_pb2.VERDICT_REJECT
    assert not double.card("A1").HasField("due")


def test_editing_sends_the_edited_change(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    proposal(page, "prp_comment").get_by_role("button", name="Исправить").click()
    page.get_by_label("Текст").fill("Обновить Firebase до версии 12.")
    page.get_by_label("Заметка в журнал").fill("короче")
    page.get_by_role("button", name="Подтвердить с правкой").click()
    expect(page.get_by_text("Готово: Комментарий: Обновить Firebase до версии 12.")).to_be_visible()
    (decision,) = double.decisions
    assert decision.verdict == proposal_pb2.VERDICT_EDIT
    assert decision.edited.add_comment.text == "Обновить Firebase до версии 12."
    assert (decision.note, decision.card_id) == ("короче", "")


def test_a_decision_that_somebody_else_took_is_told(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    button = proposal(page, "prp_move").get_by_role("button", name="Подтвердить", exact=True)
    expect(button).to_be_visible()
    double.proposal("prp_move").state = proposal_pb2.PROPOSAL_STATE_REJECTED
    button.click()
    expect(page.get_by_text("The proposal is decided already. [ALREADY_DECIDED]")).to_be_visible()
    assert double.card("A1").column_id == "col_1"


def test_views_show_transcript_summary_journal_and_answers(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    views = page.get_by_test_id("stButtonGroup").first
    expect(page.get_by_text("Тёмная тема переносится в следующий спринт.")).to_be_visible()
    views = page.locator(".st-key-view")
    views.get_by_text("Стенограмма").click()
    expect(page.locator(".pk-turn")).to_have_count(len(double.turns))
    views.get_by_text("Журнал").click()
    expect(page.get_by_text("Создана встреча")).to_be_visible()
    views.get_by_text("Спросить").click()
    page.get_by_role("textbox").first.fill("Когда тесты?")
    page.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Спросить").click()
    expect(page.get_by_text("тогда карточка уйдёт в ревью")).to_be_visible()
    expect(page.get_by_text("Александр · 00:08-00:18")).to_be_visible()


def test_language_can_be_changed(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    page.locator(".st-key-language").get_by_text("English").click()
    expect(proposal(page, "prp_move").get_by_role("button", name="Approve", exact=True)).to_be_visible()
    expect(page.get_by_text("waits for decisions").first).to_be_visible()


def reliability(page: Page) -> object:
    part = page.locator(".st-key-reliability")
    part.get_by_text("Можно ли верить нашим вероятностям?").click()
    return part


def test_reliability_shows_diagram_numbers_and_what_they_mean(visit: Visit, double: Double, tmp_path: Path) -> None:
    decided = ((35, 3, 1), (65, 20, 17), (75, 24, 18), (85, 40, 34), (95, 60, 45))
    learnt = {"learnt_error": 0.03, "fitted_at": from_datetime(BEGUN)}
    double.calibration = calibration(*decided, **learnt)
    double.calibration.shift = -0.6
    page = visit(double.address)
    expect(page.locator(".st-key-reliability")).to_be_visible()
    expect(page.locator(".pk-table")).to_have_count(0)
    part = reliability(page)
    expect(part).to_contain_text("уверены на 90–100 % (всего 60), подтверждено 75 %")
    expect(part).to_contain_text("Слишком уверены мы были на 90–100 %:")
    expect(part).to_contain_text("Слишком осторожны мы были на 60–70 %:")
    expect(part).to_contain_text("Решений о предложениях к существующим карточкам: 147.")
    # The built-in log-odds of 90 % less 0.6.
    expect(part).to_contain_text("то, что было бы 90 %, теперь показывается как 83 %")
    rows = part.locator("tbody tr")
    expect(rows).to_have_count(5)
    expect(rows.nth(0)).to_have_text("90–100 %6075 %64–84 %завышаем")
    expect(rows.nth(1)).to_contain_text("сходится")
    expect(rows.nth(3)).to_contain_text("занижаем")
    expect(rows.nth(4)).to_contain_text("мало")
    points = part.locator("[data-testid=stVegaLiteChart] svg [aria-label*='Решений']")
    expect(points).to_have_count(5)
    heights = [box["y"] + box["height"] / 2 for box in (point.bounding_box() for point in points.all())]
    lefts = [box["x"] + box["width"] / 2 for box in (point.bounding_box() for point in points.all())]
    assert lefts == sorted(lefts)
    assert heights.index(max(heights)) == 0
    # The highest points are those of 85 % approved, at 65 and at 85 %.
    assert heights[1] == pytest.approx(heights[3], abs=1)
    assert min(heights) == pytest.approx(heights[1], abs=1)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    shot = tmp_path / "reliability.png"
    part.screenshot(path=shot)
    assert shot.stat().st_size > 20_000


def test_few_decisions_promise_nothing(visit: Visit, double: Double) -> None:
    double.calibration = calibration((85, 2, 2), (95, 3, 1))
    page = visit(double.address)
    part = reliability(page)
    expect(part).to_contain_text("Решений пока слишком мало, чтобы судить")
    expect(part).to_contain_text("показываются встроенные вероятности")
    expect(part.locator("tbody tr")).to_have_count(2)
    expect(part).not_to_contain_text("сходится")
    expect(part).not_to_contain_text("завышаем")


def test_no_decision_and_no_matching_service_are_told(visit: Visit, double: Double) -> None:
    page = visit(double.address)
    part = reliability(page)
    expect(part).to_contain_text("Решений пока нет.")
    double.calibration = None
    page.locator(".st-key-view").get_by_text("Журнал").click()
    expect(part).to_contain_text("Сервис сопоставления не отвечает")
    expect(page.get_by_text("Создана встреча")).to_be_visible()


def test_a_live_meeting_refreshes_by_itself(visit: Visit, double: Double) -> None:
    meeting = double.meetings[0]
    meeting.state, meeting.stage = meeting_pb2.MEETING_STATE_LIVE, meeting_pb2.STAGE_RECEIVE
    later = double.turns[3:]
    del double.turns[3:]
    page = visit(double.address)
    expect(page.locator(".pk-turn")).to_have_count(3)
    double.turns.extend(later)
    expect(page.locator(".pk-turn")).to_have_count(len(double.turns))
    meeting.state, meeting.stage = meeting_pb2.MEETING_STATE_WAITING, meeting_pb2.STAGE_WAIT
    expect(page.get_by_text("ждёт решений", exact=True)).to_be_visible()


def test_captions_show_what_may_change_who_speaks_and_the_lag(visit: Visit, double: Double) -> None:
    meeting = double.meetings[0]
    meeting.state, meeting.stage = meeting_pb2.MEETING_STATE_LIVE, meeting_pb2.STAGE_RECEIVE
    del double.turns[2:]
    page = visit(double.address)
    expect(page.locator(".pk-turn")).to_have_count(2)

    def say(text: str, stable: int, state: str, revision: int, **fields: object) -> None:
        words = [transcript_pb2.Word(text=word) for word in text.split()]
        turn = transcript_pb2.Turn(
            turn_id="live",
            revision=revision,
            state=transcript_pb2.TurnState.Value(f"TURN_STATE_{state}"),
            text=text,
            words=words,
            stable_words=stable,
            start=from_seconds(70),
            end=from_seconds(72),
            **fields,
        )
        double.captions.append(orchestrator_pb2.WatchMeetingResponse(turn=turn))

    say("Тесты почти <i>готово", 2, "STABLE", 1)
    progress = asr_pb2.Progress(received=from_seconds(72.5), transcribed=from_seconds(71.7))
    double.captions.append(orchestrator_pb2.WatchMeetingResponse(progress=progress))
    live = page.locator(".pk-turn").nth(2)
    expect(live.locator("i")).to_have_text("<i>готово")
    expect(live).to_contain_text("неизвестно Тесты почти <i>готово")
    expect(page.get_by_text("● 01:12 · отставание 0.8 с")).to_be_visible()

    say("Тесты почти готовы.", 3, "FINAL", 2, speaker="S1")
    expect(live).to_contain_text("Ирина Тесты почти готовы.")
    expect(live.locator("i")).to_have_count(0)
    words = asr_pb2.WordRange(turn_id="live", first_word=0, word_count=3)
    change = asr_pb2.SpeakerRevision.Change(words=words, previous_speaker="S1", speaker="S2", confidence=0.9)
    revision = asr_pb2.SpeakerRevision(changes=[change])
    double.captions.append(orchestrator_pb2.WatchMeetingResponse(speaker_revision=revision))
    expect(live).to_contain_text("Александр Тесты почти готовы.")
    assert live.locator("b").get_attribute("style") == page.locator(".pk-turn").nth(1).locator("b").get_attribute(
        "style"
    )


def test_what_people_say_is_never_markup(visit: Visit, double: Double) -> None:
    double.turns[0].text = "<img src=x onerror=\"document.title='pwned'\"> **жирно**"
    double.proposal("prp_comment").proposed.change.add_comment.text = "<script>document.title='pwned'</script>"
    page = visit(double.address)
    page.locator(".st-key-view").get_by_text("Стенограмма").click()
    expect(page.locator(".pk-turn").first).to_contain_text("<img src=x onerror=")
    expect(proposal(page, "prp_comment")).to_contain_text("<script>document.title=")
    assert page.title() == "Planerka"


def test_no_orchestrator_is_told(visit: Visit) -> None:
    page = visit("127.0.0.1:9")
    expect(page.get_by_text("Оркестратор по адресу 127.0.0.1:9 не отвечает")).to_be_visible()
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
