import pytest
from planerka.common.v1.card_pb2 import Board

from board_service.adapters import ADAPTERS, connect
from board_service.connector import BoardPlace, Connectors
from board_service.errors import BoardNotFound, CardNotFound, ConnectorNotFound
from board_service.settings import BoardSettings


class Listed:
    """A connector that only lists boards."""

    def __init__(self, name: str, *boards: Board) -> None:
        self.name = name
        self._boards = boards

    def holds(self, identifier: str) -> bool:
        return identifier.startswith(self.name)

    async def list_boards(self, workspace_id, after, limit):
        return [b for b in self._boards if (b.name, b.board_id) > after][:limit]


def test_identifiers_lead_to_their_connector():
    first, second = Listed("trl_"), Listed("brd_")
    connectors = Connectors([first, second])
    assert connectors.of_board("brd_1") is second
    assert connectors.of_card("trl_1") is first
    with pytest.raises(BoardNotFound):
        connectors.of_board("1")
    with pytest.raises(CardNotFound):
        connectors.of_card("1")


async def test_lists_of_several_connectors_are_merged_by_name():
    connectors = Connectors(
        [
            Listed("x", Board(name="a", board_id="x1"), Board(name="c", board_id="x2")),
            Listed("y", Board(name="a", board_id="y1"), Board(name="b", board_id="y2")),
        ]
    )
    everything = await connectors.list_boards("w", BoardPlace("", ""), 9)
    assert [b.board_id for b in everything] == ["x1", "y1", "y2", "x2"]
    rest = await connectors.list_boards("w", BoardPlace("a", "x1"), 2)
    assert [b.board_id for b in rest] == ["y1", "y2"]


def test_an_unknown_connector_is_named(tmp_path):
    with pytest.raises(ConnectorNotFound, match="trelo"):
        connect(BoardSettings(state=tmp_path, connectors=("local", "trelo")))
    with pytest.raises(ConnectorNotFound, match="local"):
        connect(BoardSettings(state=tmp_path)).named("jira")
    assert connect(BoardSettings(state=tmp_path)).named("").name == "local"


def test_names_in_the_table_are_those_of_the_connectors(tmp_path):
    assert {name: make(BoardSettings(state=tmp_path)).name for name, make in ADAPTERS.items()} == {
        name: name for name in ADAPTERS
    }
