-- The local board. Times are ISO 8601 in UTC; `position` orders from left to right and from top to bottom.

-- Boards. next_number and next_position are the next values to give; neither is ever given twice.
CREATE TABLE IF NOT EXISTS boards (
    board_id TEXT PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    key_prefix TEXT NOT NULL,
    next_number INTEGER NOT NULL DEFAULT 1,
    next_position INTEGER NOT NULL DEFAULT 1
);

CREATE INDEX IF NOT EXISTS boards_by_name ON boards (workspace_id, name, board_id);

-- Columns; kind is the number of planerka.common.v1.ColumnKind.
CREATE TABLE IF NOT EXISTS board_columns (
    column_id TEXT PRIMARY KEY,
    board_id TEXT NOT NULL REFERENCES boards (board_id),
    position INTEGER NOT NULL,
    title TEXT NOT NULL,
    kind INTEGER NOT NULL,
    UNIQUE (board_id, position)
);

-- Members.
CREATE TABLE IF NOT EXISTS board_members (
    member_id TEXT PRIMARY KEY,
    board_id TEXT NOT NULL REFERENCES boards (board_id),
    position INTEGER NOT NULL,
    name TEXT NOT NULL,
    UNIQUE (board_id, position)
);

-- Cards. The key is unique on its board whatever its case, because it is used aloud; due is YYYY-MM-DD.
CREATE TABLE IF NOT EXISTS cards (
    card_id TEXT PRIMARY KEY,
    board_id TEXT NOT NULL REFERENCES boards (board_id),
    column_id TEXT NOT NULL REFERENCES board_columns (column_id),
    position INTEGER NOT NULL,
    card_key TEXT NOT NULL COLLATE NOCASE,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    due TEXT,
    archived INTEGER NOT NULL DEFAULT 0,
    version INTEGER NOT NULL DEFAULT 1,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    UNIQUE (board_id, card_key),
    UNIQUE (board_id, position)
);

CREATE INDEX IF NOT EXISTS cards_by_column ON cards (board_id, column_id, position);

-- Members of cards.
CREATE TABLE IF NOT EXISTS card_members (
    card_id TEXT NOT NULL REFERENCES cards (card_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    member_id TEXT NOT NULL REFERENCES board_members (member_id),
    PRIMARY KEY (card_id, position)
) WITHOUT ROWID;

-- Labels of cards.
CREATE TABLE IF NOT EXISTS card_labels (
    card_id TEXT NOT NULL REFERENCES cards (card_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    label TEXT NOT NULL,
    PRIMARY KEY (card_id, position)
) WITHOUT ROWID;

-- Items of checklists.
CREATE TABLE IF NOT EXISTS checklist_items (
    card_id TEXT NOT NULL REFERENCES cards (card_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    item_id TEXT NOT NULL UNIQUE,
    checklist TEXT NOT NULL,
    text TEXT NOT NULL,
    done INTEGER NOT NULL,
    PRIMARY KEY (card_id, position)
) WITHOUT ROWID;

-- Cards that block cards.
CREATE TABLE IF NOT EXISTS card_blockers (
    card_id TEXT NOT NULL REFERENCES cards (card_id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    blocked_by TEXT NOT NULL REFERENCES cards (card_id),
    PRIMARY KEY (card_id, position)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS blockers_by_card ON card_blockers (blocked_by);

-- Comments, in the order of sequence.
CREATE TABLE IF NOT EXISTS comments (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    comment_id TEXT NOT NULL UNIQUE,
    card_id TEXT NOT NULL REFERENCES cards (card_id) ON DELETE CASCADE,
    author TEXT NOT NULL,
    text TEXT NOT NULL,
    created_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS comments_by_card ON comments (card_id, sequence);

-- What happened, append-only. kind is the number of planerka.board.v1.BoardEventKind; fields are names with commas between;
-- card is a planerka.common.v1.Card after the event, compressed with zlib, or NULL when it was deleted.
CREATE TABLE IF NOT EXISTS changes (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    board_id TEXT NOT NULL REFERENCES boards (board_id),
    kind INTEGER NOT NULL,
    card_id TEXT NOT NULL,
    fields TEXT NOT NULL,
    actor TEXT NOT NULL,
    happened_at TEXT NOT NULL,
    card BLOB
);

CREATE INDEX IF NOT EXISTS changes_by_board ON changes (board_id, sequence);
