"""Templates: what a user may write, and that the ones of the product give whole minutes."""

from __future__ import annotations

import time

import pytest

from llm_service import sandbox
from llm_service.errors import TemplateInvalid
from llm_service.templates import built_in
from llm_service.texts import headings

VALUES = {
    "title": "Планёрка",
    "day": "2026-03-02",
    "language": "ru",
    "overview": "Обсудили: база.",
    "parts": [
        {"title": "База", "text": "База переезжает.", "quotes": [{"speaker": "Анна", "text": "База переезжает."}]}
    ],
    "decisions": [{"text": "Переносим в субботу", "quotes": []}],
    "actions": [
        {"text": "Написать тесты", "owner": "Анна", "due": "2026-03-06", "due_text": "к пятнице", "quotes": []},
        {"text": "Позвонить", "owner": "", "due": "", "due_text": "", "quotes": []},
    ],
    "questions": [{"text": "Кто пишет тексты", "quotes": []}],
    "risks": [{"text": "Выгрузка падает", "quotes": []}],
}


@pytest.mark.parametrize("name", sorted(built_in()))
@pytest.mark.parametrize("language", ["ru", "en"])
def test_the_templates_of_the_product_tell_everything(name, language):
    template = built_in()[name]
    text = sandbox.render(template.layout, VALUES | {"heading": dict(headings(language)), "language": language})
    for wanted in ("Планёрка", "База переезжает.", "Переносим в субботу", "Написать тесты", "2026-03-06", "Позвонить"):
        assert wanted in text
    for wanted in ("Кто пишет тексты", "Выгрузка падает", headings(language)["nobody"]):
        assert wanted in text
    empty = {key: [] for key in ("parts", "decisions", "actions", "questions", "risks")}
    assert "##" not in sandbox.render(template.layout, VALUES | empty | {"heading": dict(headings(language))})
    guided = template.guide({"title": "x", "language": language, "people": []})
    assert bool(guided) is (name != "default")


@pytest.mark.parametrize(
    "source",
    [
        "{{ title.__class__ }}",
        "{{ title.upper() }}",
        "{{ range(10) }}",
        "{{ title * 1000000000 }}",
        "{{ 10 ** 10 ** 10 }}",
        "{{ '%1000000000d' % 1 }}",
        "{% set x = title ~ title %}{{ x }}",
        "{{ title ~ title }}",
        "{{ title + title }}",
        "{% with x = title %}{{ x }}{% endwith %}",
        "{% include 'default' %}",
        "{% extends 'default' %}",
        "{% import 'x' as x %}",
        "{% macro m() %}{% endmacro %}",
        "{% for a in parts %}{% for b in parts %}{% for c in parts %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in parts recursive %}{{ loop(parts) }}{% endfor %}",
        "{{ title|center(1000000000) }}",
        "{{ title|indent(1000000000) }}",
        "{{ title|replace('a', 'aaaaaaaaaaaa') }}",
        "{{ title|attr('__class__') }}",
        "{{ parts|map('attr', '__class__')|list }}",
        "{{ nothing }}",
        "{% if title %}",
    ],
)
def test_what_templates_may_not_do_is_refused_at_once(source):
    began = time.monotonic()
    with pytest.raises(TemplateInvalid):
        sandbox.render(source, VALUES)
    assert time.monotonic() - began < 2


def test_fields_of_python_are_no_fields_of_the_data():
    assert "dict" not in sandbox.render("{{ parts|map(attribute='__class__')|map('default', 'none')|join }}", VALUES)


def test_a_text_that_grows_too_long_is_refused():
    many = [{"title": "т" * 100} for _ in range(1000)]
    with pytest.raises(TemplateInvalid, match="longer"):
        sandbox.render("{% for a in parts %}{% for b in parts %}{{ b.title }}{% endfor %}{% endfor %}", {"parts": many})


def test_a_broken_template_names_its_line():
    with pytest.raises(TemplateInvalid, match="Line 2"):
        sandbox.check("fine\n{% for %}")
