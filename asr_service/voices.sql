-- What is deleted is overwritten with zeros.
PRAGMA secure_delete = ON;

-- Enrolled voices. `sealed` holds the embedding (192 float32, little-endian), encrypted with AES-GCM under the key `key_id`.
CREATE TABLE IF NOT EXISTS voice (
    workspace_id TEXT NOT NULL,
    person_id TEXT NOT NULL,
    seconds REAL NOT NULL,
    enrolled_at REAL NOT NULL,
    model TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (workspace_id, person_id)
) WITHOUT ROWID;
