"""Votes on the names of voices."""

from __future__ import annotations

from planerka.common.v1.transcript_pb2 import Turn

from orchestrator.steps.naming import last_one, name_voices
from textkit.people import Person

PEOPLE = [Person(name, (name,)) for name in ("Ирина", "Анна Петрова", "Александр")]


def talk(*said):
    return [Turn(turn_id=f"t{n}", speaker=speaker, text=text) for n, (speaker, text) in enumerate(said)]


def test_who_is_addressed_and_answers_has_the_name():
    turns = talk(
        ("S1", "Всем доброе утро. Александр, начни, пожалуйста."),
        ("S2", "По авторизации всё почти готово."),
        ("S1", "Хорошо. Анна, как возвраты?"),
        ("S3", "Полный возврат работает."),
        ("S1", "Понятно. Саш, что с экспортом?"),
        ("S2", "Завтра начну."),
    )
    assert name_voices(turns, PEOPLE) == {"S2": "Александр", "S3": "Анна Петрова"}


def test_who_introduces_herself_has_the_name():
    turns = talk(("S1", "Здравствуйте, меня зовут Ирина, я веду встречу."), ("S2", "Добрый день."))
    assert name_voices(turns, PEOPLE) == {"S1": "Ирина"}


def test_who_is_only_spoken_of_gets_no_name():
    turns = talk(
        ("S1", "Анна подготовит описание до среды."),
        ("S2", "Договорились."),
        ("S1", "Это сделал Александр вчера. Дальше по плану экспорт. Он готов?"),
        ("S2", "Почти."),
    )
    assert name_voices(turns, PEOPLE) == {}


def test_votes_that_contradict_each_other_give_no_name():
    turns = talk(("S1", "Анна, начни."), ("S2", "Начинаю."), ("S1", "Александр, продолжай."), ("S2", "Продолжаю."))
    assert name_voices(turns, PEOPLE) == {}


def test_two_voices_for_one_name_give_none():
    turns = talk(("S1", "Анна, начни."), ("S2", "Начинаю."), ("S1", "Анна, продолжай."), ("S3", "Продолжаю."))
    assert name_voices(turns, PEOPLE) == {}


def test_nobody_answers_to_the_name_that_they_say():
    turns = talk(("S1", "Анна, начни."), ("S2", "Спасибо, Анна, уже готово."), ("S1", "Хорошо."))
    assert "S2" not in name_voices(turns, PEOPLE)


def test_voices_with_names_keep_them():
    turns = talk(("S1", "Анна, начни."), ("S2", "Начинаю."))
    turns[1].speaker_name = "Пётр"
    assert name_voices(turns, PEOPLE) == {}
    assert name_voices(talk(("S1", "Привет."), ("", "Да.")), []) == {}


def test_the_last_nameless_voice_is_the_last_participant():
    turns = talk(("S1", "Анна, начни."), ("S2", "Начинаю."))
    voted = {"S2": "Анна"}
    assert last_one(turns, voted, ["Ирина", "Анна"]) == {"S1": "Ирина"}
    assert last_one(turns, voted, ["Ирина", "Анна", "Олег"]) == {}
    assert last_one(turns, voted, ["Ирина", "Олег"]) == {}
    assert last_one(turns, voted, []) == {}
