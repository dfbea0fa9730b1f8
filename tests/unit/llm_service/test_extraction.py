"""The text of uploaded files, good ones and bad ones; every PDF and Word document goes through the real process."""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from llm_service import extraction, file_text
from llm_service.errors import FileBroken, FileEncrypted, FileTooLarge, FileWithoutText, TextNotUtf8
from llm_service.extraction import passages_of_file

FOLDER = Path(__file__).parents[2] / "data" / "documents"


def saved(document) -> bytes:
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def simple(text: str = "Отпуск согласует руководитель.") -> bytes:
    document = docx.Document()
    document.add_paragraph(text)
    return saved(document)


def repacked(data: bytes, **replaced: bytes) -> bytes:
    """The same archive with other contents of `word/NAME.xml`."""
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            key = name.removeprefix("word/").removesuffix(".xml")
            new.writestr(name, replaced.get(key, old.read(name)))
    return stream.getvalue()


def pdf_of(stream: bytes, more: bytes = b"") -> bytes:
    """A PDF of one page with this content stream, built by hand."""
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 600 800]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>",
        b"<</Length %d%s>>stream\n%s\nendstream" % (len(stream), more, stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    body, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"trailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(body)
    return body + b"xref\n0 6\n0000000000 65535 f \n" + table + end


def test_a_pdf_gives_paragraphs_with_pages_and_no_running_titles():
    found = passages_of_file("d", "pdf", (FOLDER / "regulations_ru.pdf").read_bytes())
    assert [one.page for one in found] == sorted(one.page for one in found)
    assert {one.page for one in found} == {1, 2, 3}
    text = " ".join(one.text for one in found)
    assert "Заявление на отпуск подают не позднее чем за две недели до его начала." in text
    assert "График дежурств ведёт Ольга Смирнова." in [one.text for one in found if one.page == 2][-1]
    assert "Ромашка" not in text
    assert "стр." not in text


def test_a_word_document_gives_headings_tables_and_tracked_changes():
    document = docx.Document()
    document.add_heading("Тарифы", 1)
    paragraph = document.add_paragraph("Цены действуют с марта")
    inserted = (
        f'<w:ins {nsdecls("w")} w:id="1" w:author="a"><w:r><w:t xml:space="preserve"> и до мая</w:t></w:r></w:ins>'
    )
    deleted = f'<w:del {nsdecls("w")} w:id="2" w:author="a"><w:r><w:delText>навсегда</w:delText></w:r></w:del>'
    paragraph._p.append(parse_xml(inserted))
    paragraph._p.append(parse_xml(deleted))
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip([c for row in table.rows for c in row.cells], ["План", "Цена", "Малый", "500"], strict=True):
        cell.text = text
    document.add_heading("Сроки", 2)
    document.add_paragraph("Оплата за десять дней.")
    found = passages_of_file("d", "docx", saved(document))
    assert [(one.section, one.text) for one in found] == [
        ("Тарифы", "Цены действуют с марта и до мая"),
        ("Тарифы", "План: Малый; Цена: 500"),
        ("Сроки", "Оплата за десять дней."),
    ]


def test_text_and_markdown():
    assert [one.text for one in passages_of_file("d", "text", "\ufeffраз\n\nдва".encode())] == ["раз", "два"]
    assert passages_of_file("d", "markdown", b"# A\n\nb")[0].section == "A"
    with pytest.raises(TextNotUtf8):
        passages_of_file("d", "text", b"\xff\xfe")


@pytest.mark.parametrize(
    ("kind", "data", "error"),
    [
        ("pdf", (FOLDER / "locked.pdf").read_bytes(), FileEncrypted),
        ("pdf", (FOLDER / "scan.pdf").read_bytes(), FileWithoutText),
        ("pdf", b"%PDF-1.7 and nothing else", FileBroken),
        ("pdf", simple(), FileBroken),
        ("docx", b"PK\x03\x04 cut", FileBroken),
        ("docx", (FOLDER / "scan.pdf").read_bytes(), FileBroken),
        ("docx", repacked(simple(), document=b"<w:document"), FileBroken),
        ("docx", b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), FileEncrypted),
        ("docx", b"\xd0\xcf\x11\xe0 an old .doc", FileBroken),
        ("docx", simple("  "), FileWithoutText),
    ],
    ids=[
        "locked",
        "scan",
        "no-pdf",
        "docx-as-pdf",
        "cut-zip",
        "pdf-as-docx",
        "broken-xml",
        "locked-docx",
        "doc",
        "empty",
    ],
)
def test_bad_files_say_what_is_wrong(kind, data, error):
    with pytest.raises(error, match="'d'"):
        passages_of_file("d", kind, data)


def test_a_zip_bomb_is_not_unpacked():
    bomb = repacked(simple(), document=b" " * (80 << 20))
    assert len(bomb) < 200_000
    with pytest.raises(FileTooLarge):
        passages_of_file("d", "docx", bomb)


def test_entities_do_not_multiply():
    doctype = b"<!DOCTYPE w [<!ENTITY a '%s'>" % (b"x" * 1000)
    for number in range(1, 9):
        doctype += b"<!ENTITY %c '%s'>" % (97 + number, b"&%c;" % (96 + number) * 10)
    body = (
        doctype
        + b']><w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r>'
    )
    bomb = repacked(simple(), document=body + b"<w:t>&i;</w:t></w:r></w:p></w:body></w:document>")
    with pytest.raises((FileBroken, FileTooLarge, FileWithoutText)):
        passages_of_file("d", "docx", bomb)


def test_a_pdf_bomb_is_bounded():
    stream = zlib.compress(b"BT /F 9 Tf (word word word word) Tj ET\n" * 3_000_000, 9)
    with pytest.raises((FileTooLarge, FileBroken)):
        passages_of_file("d", "pdf", pdf_of(stream, b"/Filter/FlateDecode"))


def test_a_handmade_pdf_is_read():
    (found,) = passages_of_file("d", "pdf", pdf_of(b"BT /F 12 Tf 50 700 Td (Hello there) Tj ET"))
    assert (found.page, found.text) == (1, "Hello there")


def test_a_file_that_takes_too_long_is_given_up(monkeypatch):
    monkeypatch.setattr(extraction, "_SECONDS", 0.001)
    with pytest.raises(FileTooLarge):
        passages_of_file("d", "docx", simple())


def test_the_reading_process_learns_no_secrets(monkeypatch):
    monkeypatch.setenv("PLANERKA_LLM__API_KEY", "secret")
    seen = {}

    def run(command, **options):
        seen.update(options["env"])
        raise extraction.subprocess.TimeoutExpired(command, 1)

    monkeypatch.setattr(extraction.subprocess, "run", run)
    with pytest.raises(FileTooLarge):
        passages_of_file("d", "pdf", b"x")
    assert "PATH" in seen
    assert not any("PLANERKA" in name for name in seen)


def test_every_reason_of_the_process_has_an_error():
    reasons = {file_text.BROKEN, file_text.ENCRYPTED, file_text.TOO_LARGE, file_text.EMPTY}
    assert set(extraction._ERRORS) == reasons
    assert all(error.default_reason == reason for reason, (error, _) in extraction._ERRORS.items())
