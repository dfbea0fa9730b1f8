-- Messages, questions and answers. Times are ISO 8601 in UTC with microseconds, so that they sort as text.

-- Messages, which are the outbox as well: while state is 'pending', text number `revision` still has to reach the channel, and
-- next_try_at tells when. sent_revision is the last text that the channel took, 0 for none.
CREATE TABLE IF NOT EXISTS messages (
    message_id TEXT PRIMARY KEY,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    url TEXT NOT NULL,
    revision INTEGER NOT NULL DEFAULT 1,
    sent_revision INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'failed')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT NOT NULL DEFAULT '',
    next_try_at TEXT NOT NULL,
    sent_at TEXT
);

CREATE INDEX IF NOT EXISTS messages_due ON messages (channel, next_try_at) WHERE state = 'pending';

-- Questions, each carried by one message.
CREATE TABLE IF NOT EXISTS questions (
    question_id TEXT PRIMARY KEY,
    message_id TEXT NOT NULL UNIQUE REFERENCES messages (message_id),
    subject_id TEXT NOT NULL,
    deadline TEXT,
    closed INTEGER NOT NULL DEFAULT 0
);

-- Buttons of questions.
CREATE TABLE IF NOT EXISTS buttons (
    question_id TEXT NOT NULL REFERENCES questions (question_id),
    position INTEGER NOT NULL,
    value TEXT NOT NULL,
    label TEXT NOT NULL,
    style TEXT NOT NULL,
    PRIMARY KEY (question_id, position)
) WITHOUT ROWID;

-- Answers, at most one to a question; sequence is the cursor of those who watch.
CREATE TABLE IF NOT EXISTS answers (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    answer_id TEXT NOT NULL UNIQUE,
    question_id TEXT NOT NULL UNIQUE REFERENCES questions (question_id),
    value TEXT NOT NULL,
    text TEXT NOT NULL,
    channel TEXT NOT NULL,
    account TEXT NOT NULL,
    answered_at TEXT NOT NULL
);

-- What the inbox channel has taken; sequence orders every inbox. The text is the one that arrived, not one still on its way.
CREATE TABLE IF NOT EXISTS inbox (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    message_id TEXT NOT NULL UNIQUE REFERENCES messages (message_id),
    address TEXT NOT NULL,
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    url TEXT NOT NULL,
    sent_at TEXT NOT NULL
);

CREATE INDEX IF NOT EXISTS inbox_by_address ON inbox (address, sequence);
