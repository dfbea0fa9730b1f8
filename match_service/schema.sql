-- Boards whose cards are known.
CREATE TABLE IF NOT EXISTS board (
    workspace_id TEXT NOT NULL,
    board_id TEXT NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (workspace_id, board_id)
) WITHOUT ROWID;

-- Cards of a board, as they were indexed; position keeps the board's order.
CREATE TABLE IF NOT EXISTS card (
    workspace_id TEXT NOT NULL,
    board_id TEXT NOT NULL,
    card_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    digest TEXT NOT NULL,
    message BLOB NOT NULL,
    PRIMARY KEY (workspace_id, board_id, card_id)
) WITHOUT ROWID;

-- Vectors of passages by the model and the text's SHA-256, little-endian float32.
CREATE TABLE IF NOT EXISTS vector (
    model TEXT NOT NULL,
    digest BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (model, digest)
) WITHOUT ROWID;

-- Decisions of people about matches: training data, append-only.
CREATE TABLE IF NOT EXISTS decision (
    workspace_id TEXT NOT NULL,
    proposal_id TEXT NOT NULL,
    board_id TEXT NOT NULL,
    proposed_card_id TEXT NOT NULL,
    chosen_card_id TEXT NOT NULL,
    approved INTEGER NOT NULL,
    probability REAL NOT NULL,
    message BLOB NOT NULL,
    decided_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    number INTEGER PRIMARY KEY AUTOINCREMENT
);
CREATE INDEX IF NOT EXISTS decision_of_workspace ON decision (workspace_id);
