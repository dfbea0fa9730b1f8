"""What a person sees and does on the page of the knowledge base, against an orchestrator that keeps a ledger."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from planerka.orchestrator.v1 import document_pb2, workspace_pb2
from playwright.sync_api import Browser, Locator, Page, expect

from cli.launcher import Mesh
from mesh.errors import InvalidArgument, NotReady, PermissionDenied
from tests.browser.double import Double

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

Visit = Callable[[str], Page]
DOCUMENTS = Path(__file__).parents[1] / "data" / "documents"
RULES = "# Отпуск\n\nЗаявление подают за две недели.\n".encode()


@pytest.fixture
def team(double: Double) -> Double:
    """An orchestrator with three people and two documents."""
    for number, name in enumerate(("Ирина Волкова", "Анна Петрова", "Александр Белов"), start=1):
        person = workspace_pb2.WorkspacePerson(person_id=f"ppl_{number}", name=name, role=workspace_pb2.ROLE_MEMBER)
        double.people.append(person)
    config = document_pb2.AddDocumentConfig
    double.documents += [
        (config(file_name="rules.md", title="Правила отпусков", idempotency_key="1"), RULES),
        (config(file_name="<b>pay</b>.pdf", idempotency_key="2", reader_ids=["ppl_2", "ppl_3"]), b"%PDF" * 300),
    ]
    return double


def knowledge(page: Page) -> Page:
    page.locator(".st-key-place").get_by_text("База знаний").click()
    expect(page.get_by_role("heading", name="База знаний")).to_be_visible()
    return page


def entry(page: Page, number: int) -> Locator:
    return page.locator(f".st-key-document-doc_{number}")


def choose(page: Page, name: str, data: bytes) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(file)
    expect(page.get_by_test_id("stFileChipName")).to_have_text(name)


def add(page: Page) -> None:
    button = page.locator(".st-key-add").get_by_role("button", name="Добавить")
    expect(button).to_be_enabled()
    button.click()


def test_documents_are_listed_with_kind_size_day_person_and_readers(visit: Visit, team: Double) -> None:
    page = knowledge(visit(team.address))
    first, second = entry(page, 1), entry(page, 2)
    expect(first).to_contain_text("Правила отпусков")
    expect(first.locator(".pk-chip")).to_have_text("текст")
    expect(first).to_contain_text(f"знаков: {len(RULES.decode())}")
    expect(first).to_contain_text("Ирина Волкова")
    expect(first).to_contain_text("rules.md")
    expect(second.locator(".pk-card-title")).to_have_text("<b>pay</b>.pdf")
    expect(second).to_contain_text("1,2 КиБ")
    expect(second).to_contain_text("только Анна Петрова, Александр Белов")
    expect(page.locator("[data-testid=stException]")).to_have_count(0)


def test_a_document_is_added_once_however_often_the_page_is_drawn(visit: Visit, team: Double, tmp_path: Path) -> None:
    page = knowledge(visit(team.address))
    choose(page, "закупки.txt", "Закупки до ста тысяч согласует руководитель.".encode())
    page.get_by_label("Название").fill("Порядок закупок")
    page.get_by_label("Кому ещё можно читать").click()
    page.get_by_role("option", name="Анна Петрова").click()
    page.keyboard.press("Escape")
    team.reads_documents.clear()
    add(page)
    expect(page.get_by_text("закупки.txt: отправлен; читается")).to_be_visible()
    expect(page.get_by_test_id("stProgress")).to_be_visible()
    # Other pages and another language while it is on its way.
    page.locator(".st-key-language").get_by_text("English").click()
    expect(page.get_by_text("it is being read and made searchable")).to_be_visible()
    page.locator(".st-key-place").get_by_text("Meetings").click()
    expect(page.locator(".st-key-proposal-prp_move")).to_be_visible()
    page.locator(".st-key-language").get_by_text("Русский").click()
    page.locator(".st-key-place").get_by_text("База знаний").click()
    expect(page.get_by_text("закупки.txt: отправлен; читается")).to_be_visible()
    team.reads_documents.set()
    expect(page.get_by_text("«Порядок закупок» в базе знаний, знаков текста: 44.")).to_be_visible()
    expect(entry(page, 3)).to_contain_text("только Анна Петрова")
    expect(page.get_by_test_id("stFileChipName")).to_have_count(0)
    expect(page.get_by_label("Название")).to_have_value("")
    page.reload()
    knowledge(page)
    expect(entry(page, 3)).to_be_visible()
    assert len(team.additions) == 1
    config, data = team.documents[2]
    assert (config.title, config.file_name, list(config.reader_ids)) == ("Порядок закупок", "закупки.txt", ["ppl_2"])
    assert data.decode().startswith("Закупки")
    shot = tmp_path / "knowledge.png"
    page.screenshot(path=shot)
    assert shot.stat().st_size > 20_000


def test_a_file_that_is_too_large_is_refused_before_it_is_sent(visit: Visit, team: Double) -> None:
    page = knowledge(visit(team.address))
    add(page)
    expect(page.get_by_text("Сначала выберите файл.")).to_be_visible()
    choose(page, "big.txt", b"x" * ((3 << 20) + 1))
    add(page)
    expect(page.get_by_text("Документ слишком велик: файл может занимать до 3 МиБ")).to_be_visible()
    page.locator(".st-key-language").get_by_text("English").click()
    page.locator(".st-key-add").get_by_role("button", name="Add").click()
    expect(page.get_by_text("The document is too large: a file may have up to 3 MiB")).to_be_visible()
    assert not team.additions


def test_a_refused_file_stays_in_the_form_and_a_second_press_is_the_same_intention(visit: Visit, team: Double) -> None:
    page = knowledge(visit(team.address))
    choose(page, "scan.pdf", b"%PDF-1.4 picture")
    page.get_by_label("Название").fill("Скан")
    team.refuse_documents = InvalidArgument("a scan", reason="FILE_WITHOUT_TEXT")
    add(page)
    expect(page.get_by_text("В файле нет текста, только изображения.")).to_be_visible()
    team.refuse_documents = PermissionDenied("members only", reason="ROLE_MISSING")
    add(page)
    expect(page.get_by_text("Ваша роль этого не позволяет")).to_be_visible()
    team.refuse_documents = NotReady("away", reason="SERVICE_UNREACHABLE")
    add(page)
    expect(page.get_by_text("База знаний не отвечает.")).to_be_visible()
    expect(page.get_by_label("Название")).to_have_value("Скан")
    assert len(team.documents) == 2
    team.refuse_documents = None
    add(page)
    expect(page.get_by_text("«Скан» в базе знаний.")).to_be_visible()
    assert len(team.documents) == 3
    assert (len(team.additions), len(set(team.additions))) == (4, 1)


def test_a_document_is_replaced_under_its_title(visit: Visit, team: Double) -> None:
    page = knowledge(visit(team.address))
    entry(page, 2).get_by_role("button", name="Заменить").click()
    expect(page.get_by_text("Заменить «<b>pay</b>.pdf»")).to_be_visible()
    page.get_by_role("button", name="Отмена").click()
    expect(page.get_by_label("Название")).to_be_visible()
    entry(page, 1).get_by_role("button", name="Заменить").click()
    expect(page.get_by_text("Заменить «Правила отпусков»")).to_be_visible()
    expect(page.get_by_label("Название")).to_have_count(0)
    submit = page.locator(".st-key-add").get_by_role("button", name="Заменить")
    submit.click()
    expect(page.get_by_text("Сначала выберите файл.")).to_be_visible()
    choose(page, "new rules.md", "# Отпуск\n\nТеперь за три недели.\n".encode())
    submit.click()
    expect(page.get_by_text("«Правила отпусков»: заменён.")).to_be_visible()
    expect(entry(page, 1)).to_contain_text("new rules.md")
    expect(page.get_by_label("Название")).to_have_value("")
    assert len(team.documents) == 2
    config, data = team.documents[0]
    assert config.document_id == "doc_1"
    assert "три недели" in data.decode()


def test_a_document_is_removed_only_after_a_second_thought(visit: Visit, team: Double) -> None:
    page = knowledge(visit(team.address))
    entry(page, 1).get_by_role("button", name="Удалить", exact=True).click()
    expect(entry(page, 1)).to_contain_text("Удалить «Правила отпусков» навсегда?")
    entry(page, 1).get_by_role("button", name="Отмена").click()
    expect(page.get_by_text("навсегда?")).to_have_count(0)
    assert len(team.documents) == 2
    team.refuse_documents = PermissionDenied("not yours", reason="ROLE_MISSING")
    entry(page, 1).get_by_role("button", name="Удалить", exact=True).click()
    entry(page, 1).get_by_role("button", name="Удалить навсегда").click()
    expect(page.get_by_text("удаляет тот, кто добавил, или администратор")).to_be_visible()
    assert (len(team.documents), team.removals) == (2, [])
    team.refuse_documents = None
    entry(page, 1).get_by_role("button", name="Удалить", exact=True).click()
    entry(page, 1).get_by_role("button", name="Удалить навсегда").click()
    expect(page.get_by_text("«Правила отпусков»: удалён.")).to_be_visible()
    expect(page.locator("[class*='st-key-document-doc_']")).to_have_count(1)
    assert [config.file_name for config, _ in team.documents] == ["<b>pay</b>.pdf"]
    assert len(team.removals) == 1


def test_an_empty_knowledge_base_says_so_and_can_be_asked(visit: Visit, double: Double) -> None:
    meeting = double.meetings.pop()
    page = knowledge(visit(double.address))
    expect(page.get_by_text("Документов, которые вам можно читать, пока никто не добавил.")).to_be_visible()
    page.get_by_label("Спросите о любой встрече").fill("Когда тесты?")
    double.meetings.append(meeting)
    page.get_by_test_id("stFormSubmitButton").get_by_role("button", name="Спросить").click()
    expect(page.get_by_text("тогда карточка уйдёт в ревью")).to_be_visible()


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Mesh]:
    """The services behind the page themselves, without a language model."""
    environment = {**os.environ, "PLANERKA_LLM__PROVIDER": "none"}
    with Mesh(tmp_path / "home", ["llm", "orchestrator", "ui"], ports="free", environment=environment) as running:
        yield running


@pytest.mark.models
@pytest.mark.timeout(300)
def test_a_real_document_is_added_read_and_removed(real: Mesh, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 1500}, locale="ru-RU")
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto(f"http://{real.address('ui')}/")
    knowledge(page)
    for name, told in (("locked.pdf", "Файл защищён паролем."), ("scan.pdf", "В файле нет текста")):
        choose(page, name, (DOCUMENTS / name).read_bytes())
        add(page)
        expect(page.get_by_text(told)).to_be_visible(timeout=60_000)
    choose(page, "archive.zip", b"PK\x03\x04\x00\xff")
    add(page)
    expect(page.get_by_text("Такой файл не читается.")).to_be_visible(timeout=60_000)
    expect(page.locator("[class*='st-key-document-doc_']")).to_have_count(0)
    choose(page, "regulations_ru.pdf", (DOCUMENTS / "regulations_ru.pdf").read_bytes())
    page.get_by_label("Название").fill("Регламент")
    add(page)
    one = page.locator("[class*='st-key-document-doc_']")
    expect(one).to_have_count(1, timeout=60_000)
    expect(one).to_contain_text("Регламент")
    expect(one).to_contain_text("PDF")
    expect(one).to_contain_text(re.compile(r"знаков: \d"))
    one.get_by_role("button", name="Удалить").click()
    one.get_by_role("button", name="Удалить навсегда").click()
    expect(page.get_by_text("«Регламент»: удалён.")).to_be_visible(timeout=60_000)
    expect(one).to_have_count(0)
    expect(page.locator("[data-testid=stException]")).to_have_count(0)
    context.close()
