from planerka.common.v1 import card_pb2

from match_service.cards import CardView, column_kind, view_of

BOARD = card_pb2.Board(
    board_id="b",
    columns=[card_pb2.Column(column_id="1", title="Готово"), card_pb2.Column(column_id="2", title="In progress")],
    members=[card_pb2.Member(member_id="m", name="Анна")],
)


def test_a_card_is_read_with_everything_that_talk_can_touch() -> None:
    card = card_pb2.Card(
        card_id="A1",
        key="MOB-1",
        title="Вход",
        description="OAuth",
        column_id="1",
        member_ids=["m", "gone"],
        labels=["api"],
        checklist=[card_pb2.ChecklistItem(text="Тесты")],
        comments=[card_pb2.Comment(text=f"c{number}") for number in range(9)],
    )

    view = view_of(card, BOARD)

    assert view.passage == "Вход\nOAuth\napi\nТесты\nc4\nc5\nc6\nc7\nc8"
    assert (view.members, view.done, view.key) == (("Анна",), True, "MOB-1")


def test_only_what_matching_reads_changes_the_digest() -> None:
    card = card_pb2.Card(card_id="A1", title="Вход", version="1")
    same = card_pb2.Card(card_id="A1", title="Вход", version="2")
    other = card_pb2.Card(card_id="A1", title="Вход", description="x")

    assert view_of(card, BOARD).digest == view_of(same, BOARD).digest != view_of(other, BOARD).digest


def test_a_title_without_words_or_of_a_paragraph_heads_nothing() -> None:
    assert CardView("A1", "—", "текст").heading == ""
    assert CardView("A1", "—", "текст").passage == "текст"
    assert CardView("A1", "слово " * 60).heading == ""
    assert CardView("A1", "слово " * 60).passage.startswith("слово")
    assert CardView("A1", "—").passage == "—"


def test_columns_are_understood_by_kind_or_title() -> None:
    assert column_kind(BOARD.columns[0]) == card_pb2.COLUMN_KIND_DONE
    assert column_kind(BOARD.columns[1]) == card_pb2.COLUMN_KIND_ACTIVE
    told = card_pb2.Column(title="Готово к работе", kind=card_pb2.COLUMN_KIND_BACKLOG)
    assert column_kind(told) == card_pb2.COLUMN_KIND_BACKLOG
    assert column_kind(card_pb2.Column(title="Идеи")) == card_pb2.COLUMN_KIND_UNSPECIFIED


def test_pieces_are_the_first_lines_and_sentences_that_say_something() -> None:
    card = CardView(
        "c", "Оплата по QR", "Первое предложение тут. Второе предложение там!\n--\n" + "Строка номер икс.\n" * 9
    )

    assert card.pieces == ("Оплата по QR", "Первое предложение тут.", "Второе предложение там!", "Строка номер икс.")
    assert CardView("c", "Ok").pieces == ("Ok",)
