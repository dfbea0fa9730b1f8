import pytest
from planerka.common.v1.card_pb2 import ColumnKind

from board_service.columns import guess_kind


@pytest.mark.parametrize(
    ("kind", "titles"),
    [
        (
            ColumnKind.COLUMN_KIND_BACKLOG,
            [
                "Бэклог",
                "Беклог",
                "BACKLOG",
                "To do",
                "TODO",
                "to-do",
                "Идеи",
                "Ideas",
                "Сделать",
                "Надо сделать",
                "New",
                "К выполнению",
                "Готово к работе",
                "Ready for development",
                "Not started",
                "Запланировано",
                "Очередь",
            ],
        ),
        (
            ColumnKind.COLUMN_KIND_ACTIVE,
            ["В работе", "в  работе", "In progress", "IN_PROGRESS", "Doing", "В процессе", "🔥 В работе (до 3)", "WIP"],
        ),
        (
            ColumnKind.COLUMN_KIND_REVIEW,
            [
                "Ревью",
                "Review",
                "In review",
                "Code review",
                "Код-ревью",
                "На проверке",
                "Тестирование",
                "QA",
                "Готово к ревью",
                "Ready for review",
                "Приёмка",
                "Согласование",
            ],
        ),
        (
            ColumnKind.COLUMN_KIND_DONE,
            ["Готово", "Done", "DONE ✅", "Сделано", "Выполнено", "Завершено", "Закрыто", "Closed", "Проверено"],
        ),
        (ColumnKind.COLUMN_KIND_UNSPECIFIED, ["Спринт 12", "Заблокировано", "Петров", "", "!!!", "Abandoned"]),
    ],
)
def test_titles_tell_kinds(kind, titles):
    assert {title: guess_kind(title) for title in titles} == dict.fromkeys(titles, kind)
