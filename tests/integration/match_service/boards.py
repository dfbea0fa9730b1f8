"""Boards and talks of the meetings in tests/data as messages."""

import json
from pathlib import Path
from typing import Any

from planerka.common.v1 import card_pb2, transcript_pb2
from planerka.match.v1 import match_pb2 as pb

MEETINGS = Path(__file__).parents[2] / "data" / "meetings"


def read_board(name: str) -> tuple[card_pb2.Board, list[card_pb2.Card]]:
    data = json.loads((MEETINGS / name / "board.json").read_text(encoding="utf-8"))
    columns = [card_pb2.Column(column_id=f"col{n}", title=title) for n, title in enumerate(data["columns"])]
    members = [card_pb2.Member(member_id=f"mem{n}", name=title) for n, title in enumerate(data["members"])]
    board = card_pb2.Board(board_id=name, name=data["name"], columns=columns, members=members)
    column_ids = {column.title: column.column_id for column in columns}
    member_ids = {member.name: member.member_id for member in members}
    cards = [
        card_pb2.Card(
            card_id=card["id"],
            key=card["id"],
            board_id=name,
            title=card["title"],
            description=card["description"],
            column_id=column_ids[card["column"]],
            member_ids=[member_ids[member] for member in card["members"]],
        )
        for card in data["cards"]
    ]
    return board, cards


def read_truth(name: str) -> dict[str, Any]:
    return json.loads((MEETINGS / name / "truth.json").read_text(encoding="utf-8"))


def turns_of(truth: dict[str, Any]) -> list[pb.MatchText]:
    turns = []
    for number, turn in enumerate(truth["turns"]):
        text = pb.MatchText(text_id=f"t{number}", text=turn["text"], speaker=turn["speaker"])
        text.start.FromMilliseconds(int(turn["start"] * 1000))
        text.end.FromMilliseconds(int(turn["end"] * 1000))
        turns.append(text)
    return turns


def people_of(board: card_pb2.Board) -> list[transcript_pb2.Person]:
    return [transcript_pb2.Person(name=member.name, member_id=member.member_id) for member in board.members]
