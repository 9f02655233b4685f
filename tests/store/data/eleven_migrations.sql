-- A database as version 0.1.0 left it after its eleventh migration, written by its own code.
PRAGMA foreign_keys = OFF;
BEGIN;
CREATE TABLE "_sqlite_migrations" (
   "id" INTEGER PRIMARY KEY,
   "migration_set" TEXT,
   "name" TEXT,
   "applied_at" TEXT
);
CREATE TABLE "workspaces" (
   "workspace" TEXT PRIMARY KEY,
   "gap" INTEGER NOT NULL DEFAULT 0
, "heard_at" TEXT, "behind_at" TEXT) STRICT;
CREATE TABLE "threads" (
   "workspace" TEXT NOT NULL REFERENCES "workspaces"("workspace"),
   "channel" TEXT NOT NULL,
   "thread" TEXT NOT NULL,
   "begun_at" TEXT NOT NULL,
   "read_gap" INTEGER,
   "private" INTEGER NOT NULL DEFAULT 0,
   PRIMARY KEY ("workspace", "channel", "thread")
) STRICT;
CREATE TABLE "told" (
   "workspace" TEXT NOT NULL,
   "channel" TEXT NOT NULL,
   "thread" TEXT NOT NULL,
   "kind" TEXT NOT NULL,
   "subject" TEXT NOT NULL,
   "words" TEXT NOT NULL,
   FOREIGN KEY ("workspace", "channel", "thread") REFERENCES "threads"("workspace", "channel", "thread") ON DELETE CASCADE,
   PRIMARY KEY ("workspace", "channel", "thread", "kind", "subject")
) STRICT;
CREATE TABLE "messages" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT NOT NULL,
   "thread" TEXT NOT NULL,
   "message" TEXT NOT NULL,
   "author" TEXT NOT NULL,
   "text" TEXT NOT NULL,
   "at" TEXT NOT NULL,
   "mine" INTEGER NOT NULL DEFAULT 0,
   "bot" INTEGER NOT NULL DEFAULT 0,
   "parent" TEXT,
   "answers" TEXT,
   "notice" INTEGER NOT NULL DEFAULT 0,
   "edited_at" TEXT,
   "deleted_at" TEXT,
   "attachments" TEXT NOT NULL DEFAULT '[]',
   "private" INTEGER NOT NULL DEFAULT 0,
   FOREIGN KEY ("workspace", "channel", "thread") REFERENCES "threads"("workspace", "channel", "thread") ON DELETE CASCADE
) STRICT;
CREATE TABLE "processes" (
   "process" TEXT PRIMARY KEY,
   "beat_at" TEXT NOT NULL
) STRICT;
CREATE TABLE "claims" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "process" TEXT,
   "claimed_at" TEXT NOT NULL
) STRICT;
CREATE TABLE "questions" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT NOT NULL,
   "thread" TEXT NOT NULL,
   "name" TEXT NOT NULL,
   "person" TEXT NOT NULL,
   "at" TEXT NOT NULL,
   "asks" TEXT NOT NULL,
   "alone" INTEGER NOT NULL,
   "private" INTEGER NOT NULL,
   "command" TEXT,
   "options" TEXT NOT NULL DEFAULT '{}',
   "address" TEXT NOT NULL DEFAULT '{}',
   "claim" INTEGER REFERENCES "claims"("id"),
   "reply" TEXT,
   "said" TEXT,
   "notice" INTEGER NOT NULL DEFAULT 0,
   "after" TEXT,
   "withdrawn_at" TEXT,
   "outcome" TEXT,
   "closed_at" TEXT
) STRICT;
CREATE TABLE "pages" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT NOT NULL,
   "question" INTEGER NOT NULL REFERENCES "questions"("id"),
   "page" TEXT NOT NULL,
   "at" TEXT NOT NULL
) STRICT;
CREATE TABLE "forgotten" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT,
   "thread" TEXT,
   "person" TEXT,
   "at" TEXT NOT NULL
) STRICT;
CREATE TABLE "erasures" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT,
   "at" TEXT NOT NULL
) STRICT;
CREATE TABLE "requests" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT NOT NULL,
   "thread" TEXT NOT NULL,
   "question" TEXT NOT NULL,
   "person" TEXT NOT NULL,
   "at" TEXT NOT NULL,
   "model" TEXT NOT NULL,
   "persona" INTEGER NOT NULL,
   "input_bound" INTEGER NOT NULL,
   "output_bound" INTEGER NOT NULL,
   "state" TEXT NOT NULL,
   "outcome" TEXT,
   "settled_at" TEXT,
   "answered_by" TEXT,
   "request_id" TEXT,
   "input" INTEGER,
   "output" INTEGER,
   "thinking" INTEGER,
   "cache_read" INTEGER,
   "cache_write_5m" INTEGER,
   "cache_write_1h" INTEGER,
   "web_searches" INTEGER
, "bound" INTEGER, "micro_usd" INTEGER, "saved" INTEGER, "miss" TEXT) STRICT;
CREATE TABLE "personas" (
   "workspace" TEXT,
   "channel" TEXT,
   "number" INTEGER,
   "system" TEXT,
   "model" TEXT,
   "effort" TEXT,
   "max_tokens" INTEGER,
   "thinking" TEXT,
   "temperature" REAL,
   "answers" TEXT,
   "author" TEXT NOT NULL,
   "at" TEXT NOT NULL,
   PRIMARY KEY ("workspace", "channel", "number")
) STRICT;
CREATE TABLE "notes" (
   "name" TEXT PRIMARY KEY,
   "value" TEXT NOT NULL
) STRICT;
CREATE TABLE "budgets" (
   "id" INTEGER PRIMARY KEY,
   "workspace" TEXT NOT NULL,
   "channel" TEXT,
   "person" TEXT,
   "period" TEXT NOT NULL,
   "micro_usd" INTEGER,
   "zone" TEXT NOT NULL,
   "author" TEXT NOT NULL,
   "at" TEXT NOT NULL
) STRICT;
CREATE TABLE "warnings" (
   "workspace" TEXT NOT NULL,
   "budget" INTEGER NOT NULL REFERENCES "budgets"("id"),
   "since" TEXT NOT NULL,
   "percent" INTEGER NOT NULL,
   PRIMARY KEY ("budget", "since", "percent")
) STRICT;
CREATE VIRTUAL TABLE "messages_fts" USING FTS5 (
    "text",
    tokenize='unicode61 remove_diacritics 2',
    content="messages"
);
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (1, 'confab', 'threads', '2026-11-26 22:50:05.833977+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (2, 'confab', 'messages', '2026-11-26 22:50:05.834483+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (3, 'confab', 'search', '2026-11-26 22:50:05.835051+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (4, 'confab', 'claims', '2026-11-26 22:50:05.835337+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (5, 'confab', 'questions', '2026-11-26 22:50:05.846246+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (6, 'confab', 'pages', '2026-11-26 22:50:05.846672+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (7, 'confab', 'forgetting', '2026-11-26 22:50:05.846975+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (8, 'confab', 'ledger', '2026-11-26 22:50:05.847257+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (9, 'confab', 'personas', '2026-11-26 22:50:05.851854+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (10, 'confab', 'money', '2026-11-26 22:50:05.859958+00:00');
INSERT INTO _sqlite_migrations (id, migration_set, name, applied_at) VALUES (11, 'confab', 'gaps', '2026-11-26 22:50:05.860592+00:00');
INSERT INTO workspaces (workspace, gap, heard_at, behind_at) VALUES ('slack:T1', 0, '2026-11-20T12:01:00.000000+00:00', NULL);
INSERT INTO workspaces (workspace, gap, heard_at, behind_at) VALUES ('discord:G', 1, '2026-11-20T12:00:10.000000+00:00', '2026-11-20T12:00:10.000000+00:00');
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('slack:T1', 'C1', '1', '2026-11-20T12:00:00.000000+00:00', 0, 0);
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('discord:G', 'D1', '10', '2026-11-20T12:00:00.000000+00:00', NULL, 0);
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('slack:T1', 'C1', '30', '2026-11-20T12:00:00.000000+00:00', NULL, 0);
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('slack:T1', 'C1', '40', '2026-11-20T12:00:00.000000+00:00', NULL, 0);
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('slack:T1', 'C1', '42', '2026-11-20T12:00:00.000000+00:00', NULL, 1);
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('slack:T1', 'C1', '50', '2026-11-20T12:00:00.000000+00:00', NULL, 0);
INSERT INTO threads (workspace, channel, thread, begun_at, read_gap, private) VALUES ('slack:T1', 'C2', '60', '2026-11-20T12:00:00.000000+00:00', NULL, 0);
INSERT INTO told (workspace, channel, thread, kind, subject, words) VALUES ('slack:T1', 'C1', '1', 'person', 'U1', 'Ann');
INSERT INTO told (workspace, channel, thread, kind, subject, words) VALUES ('slack:T1', 'C1', '1', 'person', 'U2', 'Bob');
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (1, 'slack:T1', 'C1', '1', '1', 'U1', 'naïve <@U2> 🦊', '2026-11-20T12:00:01.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[{"id": "F1", "name": "plan.pdf", "type": "application/pdf", "size": 9, "url": "https://files/1"}]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (2, 'slack:T1', 'C1', '1', '5', 'BOT', 'the answer', '2026-11-20T12:00:05.000000+00:00', 1, 0, NULL, '1', 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (3, 'slack:T1', 'C1', '1', '6', 'U2', 'better', '2026-11-20T12:00:06.000000+00:00', 0, 0, NULL, NULL, 0, '2026-11-20T12:00:20.000000+00:00', NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (4, 'slack:T1', 'C1', '1', '7', 'U1', '', '2026-11-20T12:00:07.000000+00:00', 0, 0, NULL, NULL, 0, NULL, '2026-11-20T12:15:00.000000+00:00', '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (5, 'discord:G', 'D1', '10', '10', 'U1', 'words 10', '2026-11-20T12:00:10.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (6, 'discord:G', 'D1', '10', '11', '', '', '2026-11-20T12:00:11.000000+00:00', 1, 0, NULL, '10', 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (7, 'discord:G', 'D1', '10', '12', 'U1', 'words 12', '2026-11-20T12:00:12.000000+00:00', 0, 0, '11', NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (8, 'discord:G', 'D1', '10', '13', 'U1', 'words 13', '2026-11-20T12:00:13.000000+00:00', 0, 0, '10', NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (9, 'discord:G', 'D1', '10', '14', '', '', '2026-11-20T12:00:14.000000+00:00', 1, 0, NULL, '12', 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (10, 'slack:T1', 'C1', '30', '30', 'U1', 'words 30', '2026-11-20T12:00:30.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (11, 'slack:T1', 'C1', '30', '31', '', '', '2026-11-20T12:00:31.000000+00:00', 1, 0, NULL, '30', 1, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (12, 'slack:T1', 'C1', '40', '40', 'U1', 'words 40', '2026-11-20T12:00:40.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (13, 'slack:T1', 'C1', '1', '41', 'U1', 'words 41', '2026-11-20T12:00:41.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (14, 'slack:T1', 'C1', '42', '42', 'U1', 'secret', '2026-11-20T12:00:42.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[]', 1);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (15, 'slack:T1', 'C1', '50', '50', 'U1', 'words 50', '2026-11-20T12:00:50.000000+00:00', 0, 0, NULL, NULL, 0, NULL, NULL, '[]', 0);
INSERT INTO messages (id, workspace, channel, thread, message, author, text, at, mine, bot, parent, answers, notice, edited_at, deleted_at, attachments, private) VALUES (16, 'slack:T1', 'C2', '60', '60', 'U1', '', '2026-11-20T12:01:00.000000+00:00', 0, 0, NULL, NULL, 0, NULL, '2026-11-20T12:01:40.000000+00:00', '[]', 0);
INSERT INTO processes (process, beat_at) VALUES ('p', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO claims (id, workspace, process, claimed_at) VALUES (4550202937549809713, 'discord:G', 'p', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (1, 'slack:T1', 'C1', '1', '1', 'U1', '2026-11-20T12:00:01.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{}', NULL, '1', 'the answer', 0, '1', NULL, 'shown', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (2, 'discord:G', 'D1', '10', '10', 'U1', '2026-11-20T12:00:10.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{}', NULL, '10', 'first', 0, NULL, NULL, 'shown', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (3, 'discord:G', 'D1', '10', '12', 'U1', '2026-11-20T12:00:12.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{"token": "t"}', 4550202937549809713, '12', NULL, 0, NULL, NULL, NULL, NULL);
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (4, 'slack:T1', 'C1', '30', '30', 'U1', '2026-11-20T12:00:30.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{}', NULL, '30', 'sorry', 1, NULL, NULL, 'refused', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (5, 'slack:T1', 'C1', '40', '40', 'U1', '2026-11-20T12:00:40.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{}', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (6, 'slack:T1', 'C1', '1', '41', 'U1', '2026-11-20T12:00:41.000000+00:00', 'perhaps', 0, 0, NULL, '{}', '{}', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (7, 'slack:T1', 'C1', '1', 'i1', 'U1', '2026-11-20T12:08:20.000000+00:00', 'certainly', 0, 0, 'persona set', '{"model": "claude-c"}', '{"token": "u"}', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (8, 'slack:T1', 'C1', '42', '42', 'U1', '2026-11-20T12:00:42.000000+00:00', 'certainly', 0, 1, NULL, '{}', '{}', NULL, NULL, NULL, 0, NULL, NULL, NULL, NULL);
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (9, 'slack:T1', 'C1', '50', '50', 'U1', '2026-11-20T12:00:50.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{}', NULL, NULL, NULL, 0, NULL, '2026-11-20T12:00:00.000000+00:00', 'withdrawn', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO questions (id, workspace, channel, thread, name, person, at, asks, alone, private, command, options, address, claim, reply, said, notice, after, withdrawn_at, outcome, closed_at) VALUES (10, 'slack:T1', 'C2', '60', '60', 'U1', '2026-11-20T12:01:00.000000+00:00', 'certainly', 0, 0, NULL, '{}', '{}', NULL, NULL, NULL, 0, NULL, '2026-11-20T12:01:40.000000+00:00', 'withdrawn', '2026-11-20T12:01:40.000000+00:00');
INSERT INTO pages (id, workspace, channel, question, page, at) VALUES (1, 'discord:G', 'D1', 3, '14', '2026-11-20T12:00:14.000000+00:00');
INSERT INTO forgotten (id, workspace, channel, thread, person, at) VALUES (1, 'slack:T1', 'C2', NULL, NULL, '2026-11-20T12:01:40.000000+00:00');
INSERT INTO requests (id, workspace, channel, thread, question, person, at, model, persona, input_bound, output_bound, state, outcome, settled_at, answered_by, request_id, input, output, thinking, cache_read, cache_write_5m, cache_write_1h, web_searches, bound, micro_usd, saved, miss) VALUES (1, 'slack:T1', 'C1', '1', '1', 'U1', '2026-11-20T12:00:02.000000+00:00', 'claude-a', 1, 100, 50, 'settled', 'end_turn', '2026-11-20T12:00:06.000000+00:00', 'claude-b', 'req_1', 10, 20, 5, 1, 2, 3, 1, 900, 700, 40, 'system');
INSERT INTO requests (id, workspace, channel, thread, question, person, at, model, persona, input_bound, output_bound, state, outcome, settled_at, answered_by, request_id, input, output, thinking, cache_read, cache_write_5m, cache_write_1h, web_searches, bound, micro_usd, saved, miss) VALUES (2, 'discord:G', 'D1', '10', '12', 'U1', '2026-11-20T12:00:12.000000+00:00', 'claude-a', 0, 100, 50, 'reserved', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 500, NULL, NULL, NULL);
INSERT INTO requests (id, workspace, channel, thread, question, person, at, model, persona, input_bound, output_bound, state, outcome, settled_at, answered_by, request_id, input, output, thinking, cache_read, cache_write_5m, cache_write_1h, web_searches, bound, micro_usd, saved, miss) VALUES (3, 'slack:T1', 'C1', '30', '30', 'U3', '2026-11-20T12:00:30.000000+00:00', 'claude-a', 0, 10, 10, 'died', 'timeout', '2026-11-20T12:00:31.000000+00:00', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 300, 300, 0, NULL);
INSERT INTO requests (id, workspace, channel, thread, question, person, at, model, persona, input_bound, output_bound, state, outcome, settled_at, answered_by, request_id, input, output, thinking, cache_read, cache_write_5m, cache_write_1h, web_searches, bound, micro_usd, saved, miss) VALUES (4, 'slack:T1', 'C1', '1', '1', 'U1', '2026-11-20T12:01:20.000000+00:00', 'claude-a', 1, 100, 50, 'settled', 'end_turn', '2026-11-20T12:01:21.000000+00:00', NULL, NULL, 1, 0, 0, 0, 0, 0, 0, 900, 800, 0, NULL);
INSERT INTO personas (workspace, channel, number, system, model, effort, max_tokens, thinking, temperature, answers, author, at) VALUES ('slack:T1', '', 1, 'You are a pirate 🏴‍☠️', 'claude-a', 'high', 500, 'adaptive', 0.5, 'thread', 'U1', '2026-11-20T12:00:01.000000+00:00');
INSERT INTO personas (workspace, channel, number, system, model, effort, max_tokens, thinking, temperature, answers, author, at) VALUES ('slack:T1', '', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 'U2', '2026-11-20T12:00:02.000000+00:00');
INSERT INTO personas (workspace, channel, number, system, model, effort, max_tokens, thinking, temperature, answers, author, at) VALUES ('slack:T1', 'C1', 1, 'Be brief.', NULL, NULL, NULL, NULL, NULL, NULL, 'U1', '2026-11-20T12:00:03.000000+00:00');
INSERT INTO notes (name, value) VALUES ('commands', 'abc');
INSERT INTO notes (name, value) VALUES ('models', '{}');
INSERT INTO budgets (id, workspace, channel, person, period, micro_usd, zone, author, at) VALUES (1, 'slack:T1', NULL, NULL, 'month', 1000, 'Europe/Berlin', 'U9', '2026-11-20T12:00:00.000000+00:00');
INSERT INTO budgets (id, workspace, channel, person, period, micro_usd, zone, author, at) VALUES (2, 'slack:T1', NULL, NULL, 'month', 2000, 'Europe/Berlin', 'U9', '2026-11-20T12:01:10.000000+00:00');
INSERT INTO budgets (id, workspace, channel, person, period, micro_usd, zone, author, at) VALUES (3, 'slack:T1', 'C1', 'U1', 'day', 5000, 'Europe/Berlin', 'U9', '2026-11-20T12:01:11.000000+00:00');
INSERT INTO warnings (workspace, budget, since, percent) VALUES ('slack:T1', 2, '2026-10-31T23:00:00.000000+00:00', 75);
INSERT INTO messages_fts (messages_fts) VALUES ('rebuild');
CREATE UNIQUE INDEX "idx__sqlite_migrations_migration_set_name"
    ON "_sqlite_migrations" ("migration_set", "name");
CREATE UNIQUE INDEX "messages_by_name"
    ON "messages" ("workspace", "channel", "message");
CREATE INDEX "messages_by_thread"
    ON "messages" ("workspace", "channel", "thread", "at", "message");
CREATE INDEX messages_by_question ON messages (workspace, channel, answers) WHERE answers IS NOT NULL;
CREATE INDEX messages_by_author ON messages (workspace, author);
CREATE UNIQUE INDEX "questions_by_name"
    ON "questions" ("workspace", "channel", "name");
CREATE INDEX "questions_by_thread"
    ON "questions" ("workspace", "channel", "thread");
CREATE INDEX "questions_by_reply"
    ON "questions" ("workspace", "channel", "reply");
CREATE INDEX "questions_by_person"
    ON "questions" ("workspace", "person");
CREATE INDEX questions_claimed ON questions (claim) WHERE claim IS NOT NULL;
CREATE INDEX questions_open ON questions (workspace, channel, thread) WHERE outcome IS NULL;
CREATE UNIQUE INDEX "pages_by_question"
    ON "pages" ("question", "page");
CREATE INDEX "forgotten_by_workspace"
    ON "forgotten" ("workspace");
CREATE INDEX "requests_by_time"
    ON "requests" ("workspace", "at");
CREATE INDEX requests_reserved ON requests (workspace, channel, question) WHERE state = 'reserved';
CREATE INDEX "budgets_by_workspace"
    ON "budgets" ("workspace");
CREATE TRIGGER messages_said AFTER INSERT ON messages WHEN NOT new.private BEGIN INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text); END;
CREATE TRIGGER messages_edited AFTER UPDATE OF text ON messages WHEN NOT old.private BEGIN INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text); INSERT INTO messages_fts (rowid, text) VALUES (new.id, new.text); END;
CREATE TRIGGER messages_gone AFTER DELETE ON messages WHEN NOT old.private BEGIN INSERT INTO messages_fts (messages_fts, rowid, text) VALUES ('delete', old.id, old.text); END;
COMMIT;
