-- Documents of the knowledge base; the truth of which vectors are only a copy.
CREATE TABLE IF NOT EXISTS document (
    workspace_id TEXT NOT NULL,
    document_id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    title TEXT NOT NULL,
    meeting_id TEXT NOT NULL,
    card_id TEXT NOT NULL,
    happened_ms INTEGER,
    audience TEXT NOT NULL,
    content_hash BLOB NOT NULL,
    PRIMARY KEY (workspace_id, document_id)
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS document_by_meeting ON document (workspace_id, meeting_id);
CREATE INDEX IF NOT EXISTS document_by_kind ON document (workspace_id, kind, happened_ms);
CREATE INDEX IF NOT EXISTS document_by_audience ON document (workspace_id, audience);

-- Who may read the documents of an audience; the audience '' is everybody in the workspace and has no rows.
CREATE TABLE IF NOT EXISTS audience_member (
    workspace_id TEXT NOT NULL,
    audience TEXT NOT NULL,
    member TEXT NOT NULL,
    PRIMARY KEY (workspace_id, member, audience)
) WITHOUT ROWID;

-- Pieces of documents, each with one vector.
CREATE TABLE IF NOT EXISTS chunk (
    chunk_id TEXT NOT NULL PRIMARY KEY,
    workspace_id TEXT NOT NULL,
    document_id TEXT NOT NULL,
    ordinal INTEGER NOT NULL,
    header TEXT NOT NULL,
    text TEXT NOT NULL,
    turn_ids TEXT NOT NULL,
    speakers TEXT NOT NULL,
    start_us INTEGER,
    end_us INTEGER,
    FOREIGN KEY (workspace_id, document_id) REFERENCES document (workspace_id, document_id) ON DELETE CASCADE
) WITHOUT ROWID;

CREATE INDEX IF NOT EXISTS chunk_by_document ON chunk (workspace_id, document_id, ordinal);

-- What later versions know of a chunk beside the above: its page, and the moment of a message.
CREATE TABLE IF NOT EXISTS chunk_place (
    chunk_id TEXT NOT NULL PRIMARY KEY REFERENCES chunk (chunk_id) ON DELETE CASCADE,
    page INTEGER NOT NULL,
    happened_ms INTEGER
) WITHOUT ROWID;

-- Vectors that may exist without a right to: written before their chunk is committed, or of a chunk that is gone.
CREATE TABLE IF NOT EXISTS stray (
    chunk_id TEXT NOT NULL PRIMARY KEY
) WITHOUT ROWID;
