-- What every call of a language model took; no texts, no people.
CREATE TABLE IF NOT EXISTS model_call (
    number INTEGER PRIMARY KEY,
    happened_ms INTEGER NOT NULL,
    workspace_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    mode TEXT NOT NULL,
    redacted INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    calls INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    elapsed_ms INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    currency TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS model_call_by_workspace ON model_call (workspace_id, happened_ms);
