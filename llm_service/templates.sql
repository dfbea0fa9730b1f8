CREATE TABLE IF NOT EXISTS templates (
    workspace_id TEXT NOT NULL,
    name TEXT NOT NULL,
    title TEXT NOT NULL,
    guidance TEXT NOT NULL,
    layout TEXT NOT NULL,
    strategy TEXT NOT NULL,
    PRIMARY KEY (workspace_id, name)
) WITHOUT ROWID;
