"""Migrations that every engine applies, in one portable DDL. One that has landed is never edited.

SQLite's tables stood before there was a second engine: its older migrations are in its own schema, and PostgreSQL
begins with what they made.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Migration:
    """A named change of the tables; its statements may hold the fields of `Types` in braces."""

    name: str
    statements: tuple[str, ...]


def _define(name: str, *statements: str) -> Migration:
    return Migration(name, statements)


MIGRATIONS = (
    _define(
        "one_claim_a_thread",
        "CREATE UNIQUE INDEX questions_answered ON questions (workspace, channel, thread) "
        "WHERE outcome IS NULL AND command IS NULL AND claim IS NOT NULL AND reply = name",
    ),
    _define(
        "direct_messages",
        "ALTER TABLE requests ADD COLUMN direct {boolean} NOT NULL DEFAULT FALSE",
        "UPDATE requests SET direct = TRUE WHERE workspace LIKE '%:@me'",
        "CREATE INDEX budgets_by_person ON budgets (person) WHERE person IS NOT NULL",
    ),
    _define("follow_ups", "ALTER TABLE personas ADD COLUMN follow_ups {text}"),
    # Why a question got no answer, for the prompts that come after it.
    _define("unanswered", "ALTER TABLE questions ADD COLUMN unanswered {text}"),
    # What messages carry beside their words (forwards, previews), and the names that webhooks speak under.
    _define(
        "carried_words",
        "ALTER TABLE messages ADD COLUMN quotes {text} NOT NULL DEFAULT '[]'",
        "ALTER TABLE messages ADD COLUMN speaker {text} NOT NULL DEFAULT ''",
    ),
    # Pages of whole answers that a late event of the platform had taken for notices are Claude's words again.
    _define(
        "answers_are_no_notices",
        "UPDATE messages SET notice = FALSE WHERE mine AND notice AND EXISTS ("
        "SELECT 1 FROM questions WHERE questions.workspace = messages.workspace "
        "AND questions.channel = messages.channel AND questions.name = messages.answers "
        "AND questions.said IS NOT NULL AND NOT questions.notice)",
    ),
    # A request is a step of an open question's answer: what is asked, by its digest, and what came of it where the
    # answer goes on from there. Both are wiped when the question closes.
    _define(
        "steps",
        "ALTER TABLE requests ADD COLUMN step {text}",
        "ALTER TABLE requests ADD COLUMN content {text}",
        "CREATE INDEX requests_steps ON requests (workspace, channel, question) WHERE step IS NOT NULL",
    ),
    # Whether code blocks are files too, and what becomes of an answer of many pages.
    _define(
        "files_of_answers",
        "ALTER TABLE personas ADD COLUMN files {text}",
        "ALTER TABLE personas ADD COLUMN long {text}",
    ),
    # Buttons below replies. `cut` opens again the code block that an answer was cut in, and is empty outside of any;
    # `continues` names the question whose answer goes on; `earlier` is what stood there before it was tried again.
    _define(
        "controls",
        "ALTER TABLE questions ADD COLUMN cut {text}",
        "ALTER TABLE questions ADD COLUMN continues {text}",
        "ALTER TABLE questions ADD COLUMN earlier {text}",
        "CREATE INDEX questions_by_continued ON questions (workspace, channel, continues) WHERE continues IS NOT NULL",
        "CREATE TABLE votes (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, thread {text} NOT NULL, "
        "question {text} NOT NULL, person {text} NOT NULL, positive {boolean} NOT NULL, persona INTEGER, "
        "model {text}, at {text} NOT NULL, FOREIGN KEY (workspace, channel, thread) "
        "REFERENCES threads (workspace, channel, thread) ON DELETE CASCADE) {strict}",
        "CREATE UNIQUE INDEX votes_by_reply ON votes (workspace, channel, question, person)",
        "CREATE INDEX votes_by_time ON votes (workspace, at)",
    ),
    # Pictures and PDFs that Claude was told of, the messages that have them, and what is to be deleted at Claude's API.
    _define(
        "files",
        "CREATE TABLE files (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, thread {text} NOT NULL, "
        "api_key {text} NOT NULL, sha256 {text} NOT NULL, kind {text} NOT NULL, type {text} NOT NULL, "
        "bytes {integer} NOT NULL, width {integer} NOT NULL, height {integer} NOT NULL, pages {integer} NOT NULL, "
        "text_bytes {integer} NOT NULL, bound {integer} NOT NULL, state {text} NOT NULL, begun_at {text} NOT NULL, "
        "upload {text}, file_id {text}, problem {text}) {strict}",
        "CREATE UNIQUE INDEX files_by_content ON files (workspace, channel, thread, api_key, sha256)",
        "CREATE INDEX files_uploading ON files (upload) WHERE upload IS NOT NULL",
        "CREATE TABLE attached (file {integer} NOT NULL REFERENCES files (id), workspace {text} NOT NULL, "
        "channel {text} NOT NULL, message {text} NOT NULL, attachment {text} NOT NULL, "
        "PRIMARY KEY (file, message, attachment)) {strict}",
        "CREATE INDEX attached_by_message ON attached (workspace, channel, message)",
        "CREATE TABLE file_deletions (id {id}, workspace {text} NOT NULL, api_key {text} NOT NULL, file_id {text}, "
        "upload {text}, at {text} NOT NULL, due_at {text} NOT NULL, tries {integer} NOT NULL DEFAULT 0, "
        "problem {text}) {strict}",
        "CREATE INDEX file_deletions_due ON file_deletions (due_at)",
    ),
    # Calls of tools by open answers, and what people let tools do. A question is `parked` while a call waits for a
    # person, and `told` names the newest message that Claude was told when it was.
    _define(
        "tools",
        "ALTER TABLE questions ADD COLUMN parked {text}",
        "ALTER TABLE questions ADD COLUMN parked_until {text}",
        "ALTER TABLE questions ADD COLUMN told {text}",
        "DROP INDEX questions_answered",
        "CREATE UNIQUE INDEX questions_answered ON questions (workspace, channel, thread) "
        "WHERE outcome IS NULL AND command IS NULL AND claim IS NOT NULL AND reply = name AND parked IS NULL",
        "CREATE INDEX questions_parked ON questions (parked_until) WHERE parked = 'waiting'",
        "CREATE TABLE tool_calls (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, "
        "question {text} NOT NULL, number {integer} NOT NULL, call {text} NOT NULL, tool {text} NOT NULL, "
        "arguments {text} NOT NULL, digest {text} NOT NULL, acts {boolean} NOT NULL, state {text} NOT NULL, "
        "tries {integer} NOT NULL, result {text}, person {text}, at {text} NOT NULL) {strict}",
        "CREATE UNIQUE INDEX tool_calls_by_call ON tool_calls (workspace, channel, question, call)",
        "CREATE TABLE tool_grants (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, "
        "thread {text} NOT NULL, person {text} NOT NULL, tool {text} NOT NULL, at {text} NOT NULL, "
        "FOREIGN KEY (workspace, channel, thread) REFERENCES threads (workspace, channel, thread) "
        "ON DELETE CASCADE) {strict}",
        "CREATE UNIQUE INDEX tool_grants_by_tool ON tool_grants (workspace, channel, thread, person, tool)",
    ),
    # Who changed what: ids, numbers and hashes, in a chain of its own for each workspace.
    _define(
        "audit",
        "CREATE TABLE audit (workspace {text} NOT NULL, number {integer} NOT NULL, at {text} NOT NULL, "
        "actor {text} NOT NULL, action {text} NOT NULL, channel {text}, thread {text}, subject {text} NOT NULL, "
        "details {text} NOT NULL, mac {text} NOT NULL, PRIMARY KEY (workspace, number)) {strict}",
        "CREATE INDEX audit_by_channel ON audit (workspace, channel, number)",
    ),
    # Which tools Claude may use in a place: names with commas.
    _define("tools_of_personas", "ALTER TABLE personas ADD COLUMN tools {text}"),
    # A channel's messages from the newest on, for searching them.
    _define(
        "messages_by_time",
        "CREATE INDEX messages_by_time ON messages (workspace, channel, at, message) WHERE deleted_at IS NULL",
    ),
    # Files that code made for an open question's answer; of a closed one only what they are called.
    _define("made_files", "ALTER TABLE questions ADD COLUMN made {text}"),
    # What of a request's cost is an estimate, in micro-dollars.
    _define("estimates", "ALTER TABLE requests ADD COLUMN estimate {integer}"),
    # What Claude had said when its question was parked.
    _define("said so far", "ALTER TABLE questions ADD COLUMN so_far {text}"),
    # Who let a question be answered anew.
    _define("reopened_by", "ALTER TABLE questions ADD COLUMN reopened_by {text}"),
    # Workspaces that installed the app by themselves, with their tokens, sealed.
    _define(
        "installations",
        "CREATE TABLE installations (workspace {text} NOT NULL PRIMARY KEY, identity {text} NOT NULL, "
        "sealed {text} NOT NULL, installed_by {text} NOT NULL, installed_at {text} NOT NULL, expires_at {text}, "
        "version {integer} NOT NULL, renewing_until {text}) {strict}",
    ),
    # What a channel or a person has spent of a budget, without a look at the requests of all others.
    _define(
        "requests_by_scope",
        "CREATE INDEX requests_by_channel ON requests (workspace, channel, at)",
        "CREATE INDEX requests_by_person ON requests (workspace, person, at)",
    ),
    # What people are offered to ask in a direct message, with semicolons between.
    _define("prompts_of_personas", "ALTER TABLE personas ADD COLUMN prompts {text}"),
    # Private answers about a message, which their askers may still post.
    _define(
        "postable_answers",
        "CREATE INDEX questions_postable ON questions (closed_at) WHERE private AND said IS NOT NULL",
    ),
    # Why a persona was set, and whether the version that gave an answer is one of the whole workspace's.
    _define(
        "reasons_of_personas",
        "ALTER TABLE personas ADD COLUMN reason {text} NOT NULL DEFAULT ''",
        "ALTER TABLE requests ADD COLUMN persona_wide {boolean}",
        "ALTER TABLE votes ADD COLUMN persona_wide {boolean}",
    ),
    # How much of a thread is told, and which messages are told by the summaries of what is not.
    _define(
        "summaries",
        "ALTER TABLE personas ADD COLUMN context_tokens {integer}",
        "CREATE TABLE summarized (workspace {text} NOT NULL, channel {text} NOT NULL, thread {text} NOT NULL, "
        "digest {text} NOT NULL, message {text} NOT NULL, "
        "PRIMARY KEY (workspace, channel, message, thread, digest), FOREIGN KEY (workspace, channel, thread) "
        "REFERENCES threads (workspace, channel, thread) ON DELETE CASCADE) {strict}",
        "CREATE INDEX summarized_by_thread ON summarized (workspace, channel, thread, digest)",
    ),
    # Files that a persona knows: their words, once, and which versions have which. `source` is the command whose
    # message brought one, and `command` the one that made it count: none, while it waits for its author's word.
    _define(
        "knowledge",
        "ALTER TABLE personas ADD COLUMN knowledge {text}",
        "ALTER TABLE personas ADD COLUMN examples {text}",
        "ALTER TABLE questions ADD COLUMN attachments {text}",
        "CREATE TABLE knowledge (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, "
        "thread {text} NOT NULL, source {text} NOT NULL, command {text}, author {text} NOT NULL, "
        "name {text} NOT NULL, content {text} NOT NULL, size {integer} NOT NULL, at {text} NOT NULL) {strict}",
        "CREATE INDEX knowledge_by_channel ON knowledge (workspace, channel)",
        "CREATE INDEX knowledge_waiting ON knowledge (at) WHERE command IS NULL",
    ),
    # A persona that was tried for a private answer, which its asker may keep.
    _define("drafts", "ALTER TABLE questions ADD COLUMN draft {text}"),
    # A private answer under way that may quote what went meanwhile.
    _define(
        "unpostable_answers",
        "ALTER TABLE questions ADD COLUMN unpostable {boolean}",
        "CREATE INDEX questions_drafted ON questions (workspace, channel) WHERE draft IS NOT NULL",
    ),
    # Facts that a channel wants Claude to know: every change to them, which adds a note or removes one.
    _define(
        "channel_notes",
        "CREATE TABLE channel_notes (workspace {text} NOT NULL, channel {text} NOT NULL, "
        "number {integer} NOT NULL, text {text} NOT NULL, removes {integer}, author {text} NOT NULL, "
        "at {text} NOT NULL, PRIMARY KEY (workspace, channel, number)) {strict}",
    ),
    # What is given again and again: `line` is a command or a prompt, `source` the command that added it. One that has
    # no `due_at` rests. Each run is left once, as a question.
    _define(
        "schedules",
        "CREATE TABLE schedules (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, "
        "platform {text} NOT NULL, number {integer} NOT NULL, source {text} NOT NULL, author {text} NOT NULL, "
        "cron {text} NOT NULL, zone {text} NOT NULL, line {text} NOT NULL, prompt {boolean} NOT NULL, "
        "at {text} NOT NULL, due_at {text}, paused {boolean} NOT NULL DEFAULT FALSE, "
        "removed {boolean} NOT NULL DEFAULT FALSE, stopped {text}, skipped_at {text}) {strict}",
        "CREATE UNIQUE INDEX schedules_by_number ON schedules (workspace, channel, number)",
        "CREATE UNIQUE INDEX schedules_by_source ON schedules (workspace, channel, source)",
        "CREATE INDEX schedules_due ON schedules (due_at) WHERE due_at IS NOT NULL",
        "CREATE TABLE schedule_runs (workspace {text} NOT NULL, schedule {integer} NOT NULL "
        "REFERENCES schedules (id), due_at {text} NOT NULL, question {text} NOT NULL, "
        "PRIMARY KEY (schedule, due_at)) {strict}",
        "ALTER TABLE questions ADD COLUMN schedule {integer}",
    ),
    # Batches: what is asked of each row of a table, the rows while they wait and until their results are posted, and
    # what Anthropic has of them, which outlives both until it is settled and deleted there. `offers` names the buttons
    # below an answer that is about one.
    _define(
        "jobs",
        "ALTER TABLE questions ADD COLUMN offers {text}",
        "CREATE TABLE jobs (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, thread {text} NOT NULL, "
        "number {integer} NOT NULL, question {text} NOT NULL, source {text} NOT NULL, run {text}, "
        "person {text} NOT NULL, homes {text}, state {text} NOT NULL, plan {text}, persona {integer} NOT NULL, "
        "problem {text}, canceled {boolean} NOT NULL DEFAULT FALSE, cost {integer}, total {integer} NOT NULL, "
        "failed {integer} NOT NULL DEFAULT 0, changes {integer} NOT NULL DEFAULT 0, at {text} NOT NULL, "
        "begun_at {text}, shown_at {text}, ended_at {text}, due_at {text}) {strict}",
        "CREATE UNIQUE INDEX jobs_by_number ON jobs (workspace, channel, number)",
        "CREATE INDEX jobs_by_question ON jobs (workspace, channel, question)",
        "CREATE INDEX jobs_by_run ON jobs (workspace, channel, run) WHERE run IS NOT NULL",
        "CREATE INDEX jobs_due ON jobs (due_at) WHERE due_at IS NOT NULL",
        "CREATE TABLE job_rows (job {integer} NOT NULL REFERENCES jobs (id) ON DELETE CASCADE, "
        "number {integer} NOT NULL, cells {text} NOT NULL, size {integer} NOT NULL, "
        "input_bound {integer} NOT NULL, bound {integer}, message {text}, state {text} NOT NULL, batch {integer}, "
        "result {text}, problem {text}, micro_usd {integer}, PRIMARY KEY (job, number)) {strict}",
        "CREATE INDEX job_rows_by_state ON job_rows (job, state)",
        "CREATE INDEX job_rows_by_batch ON job_rows (batch, number) WHERE batch IS NOT NULL",
        "CREATE INDEX job_rows_by_message ON job_rows (message) WHERE message IS NOT NULL",
        "CREATE TABLE batches (id {id}, job {integer}, workspace {text} NOT NULL, channel {text} NOT NULL, "
        "token {text} NOT NULL, api_key {text} NOT NULL, model {text} NOT NULL, name {text}, "
        "state {text} NOT NULL, requests {integer} NOT NULL, reservation {integer} NOT NULL, bound {integer}, "
        "doomed {boolean} NOT NULL DEFAULT FALSE, at {text} NOT NULL, begun_at {text}, due_at {text}, "
        "tries {integer} NOT NULL DEFAULT 0, problem {text}) {strict}",
        "CREATE INDEX batches_due ON batches (due_at) WHERE due_at IS NOT NULL",
        "CREATE INDEX batches_by_job ON batches (job)",
        "CREATE INDEX batches_by_name ON batches (name) WHERE name IS NOT NULL",
    ),
    # Whether a removal of a note erased its words.
    _define("erased_notes", "ALTER TABLE channel_notes ADD COLUMN erases {boolean}"),
    # Requests of a task that are asked in a batch: of which model each is asked, and the messages that stand in it.
    _define(
        "task_requests",
        "ALTER TABLE job_rows ADD COLUMN model {text}",
        "CREATE TABLE job_messages (job {integer} NOT NULL, number {integer} NOT NULL, message {text} NOT NULL, "
        "PRIMARY KEY (job, number, message), "
        "FOREIGN KEY (job, number) REFERENCES job_rows (job, number) ON DELETE CASCADE) {strict}",
        "CREATE INDEX job_messages_by_message ON job_messages (message)",
    ),
    # The last row of the results that hang there, and of those that are being posted; who said what a row is made of.
    _define(
        "job_portions",
        "ALTER TABLE jobs ADD COLUMN posted {integer} NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN portion {integer}",
        "ALTER TABLE job_rows ADD COLUMN author {text}",
        "DROP INDEX job_rows_by_state",
        "CREATE INDEX job_rows_by_state ON job_rows (job, state, number)",
    ),
    # How questions came and were followed, as counts: how long prompts are worth to be cached.
    _define(
        "pauses",
        "CREATE TABLE pauses (workspace {text} NOT NULL, came {text} NOT NULL, followed {text} NOT NULL, "
        "count {integer} NOT NULL, PRIMARY KEY (workspace, came, followed)) {strict}",
    ),
    # Where the rows of a job come from, in words, such as a file's name: it is listed longer than its plan is kept.
    _define("job_origins", "ALTER TABLE jobs ADD COLUMN origin {text}"),
    # Who may open the dashboard in a browser: links, until they are used, and sessions, each by the hash of its token.
    _define(
        "sign_ins",
        "CREATE TABLE sign_in_links (token {text} NOT NULL PRIMARY KEY, workspace {text} NOT NULL, "
        "person {text} NOT NULL, channel {text} NOT NULL, expires_at {text} NOT NULL) {strict}",
        "CREATE TABLE sign_in_sessions (id {id}, token {text} NOT NULL, workspace {text} NOT NULL, "
        "person {text} NOT NULL, channel {text} NOT NULL, rank {integer} NOT NULL, ranked_at {text} NOT NULL, "
        "at {text} NOT NULL, expires_at {text} NOT NULL) {strict}",
        "CREATE UNIQUE INDEX sign_in_sessions_by_token ON sign_in_sessions (token)",
        "CREATE INDEX sign_in_sessions_by_person ON sign_in_sessions (workspace, person)",
    ),
    # What was asked in a stretch of time.
    _define(
        "questions_by_time",
        "CREATE INDEX questions_by_time ON questions (workspace, at, command, outcome, unanswered, person)",
    ),
    # What stands on a platform that has no server of its own. `person` is whose words a post holds, and `waiting` the
    # kind of an event that has still to be ingested.
    _define(
        "posts",
        "CREATE TABLE posts (id {id}, workspace {text} NOT NULL, channel {text} NOT NULL, thread {text} NOT NULL, "
        "name {text} NOT NULL, person {text} NOT NULL, at {text} NOT NULL, body {text} NOT NULL, "
        "waiting {text} NOT NULL) {strict}",
        "CREATE UNIQUE INDEX posts_by_name ON posts (workspace, channel, name)",
        "CREATE INDEX posts_by_thread ON posts (workspace, channel, thread, at)",
        "CREATE INDEX posts_waiting ON posts (workspace) WHERE waiting <> ''",
        "CREATE TABLE post_files (post {integer} NOT NULL REFERENCES posts (id) ON DELETE CASCADE, "
        "number {integer} NOT NULL, name {text} NOT NULL, type {text} NOT NULL, alt {text} NOT NULL, "
        "content {text} NOT NULL, PRIMARY KEY (post, number)) {strict}",
    ),
    # Where an installation ended, which each question asks.
    _define(
        "installations_ended",
        "CREATE INDEX audit_of_ends ON audit (workspace, at) WHERE action = 'installation.ended'",
    ),
    # Who listens to which part of a platform, until when, and the session that another goes on with; the processes that
    # share a bot's parts, since when; and when the next session may begin.
    _define(
        "shards",
        "CREATE TABLE shard_holders (bot {text} NOT NULL, process {text} NOT NULL, shards {integer} NOT NULL, "
        "since {text} NOT NULL, until {text} NOT NULL, PRIMARY KEY (bot, process)) {strict}",
        "CREATE TABLE shard_leases (bot {text} NOT NULL, shard {integer} NOT NULL, shards {integer} NOT NULL, "
        "process {text} NOT NULL, until {text} NOT NULL, session {text} NOT NULL, sequence {integer} NOT NULL, "
        "url {text} NOT NULL, PRIMARY KEY (bot, shard)) {strict}",
        "CREATE TABLE session_starts (bot {text} NOT NULL, bucket {integer} NOT NULL, next_at {text} NOT NULL, "
        "PRIMARY KEY (bot, bucket)) {strict}",
    ),
    # What the requests of a day that is over came to, by group, for one dimension of reports.
    _define(
        "day_sums",
        "CREATE TABLE day_sums (workspace {text} NOT NULL, dimension {text} NOT NULL, since {text} NOT NULL, "
        "until {text} NOT NULL, sums {text} NOT NULL, PRIMARY KEY (workspace, dimension, since, until)) {strict}",
    ),
    # What became of the questions of bots in a channel, for a day. What no longer `counts` says only what became of its
    # question.
    _define(
        "bot_answers",
        "CREATE TABLE bot_answers (workspace {text} NOT NULL, channel {text} NOT NULL, question {text} NOT NULL, "
        "at {text} NOT NULL, verdict {text} NOT NULL, counts {boolean} NOT NULL, "
        "PRIMARY KEY (workspace, channel, question)) {strict}",
        "CREATE INDEX bot_answers_counted ON bot_answers (workspace, channel) WHERE counts",
        "CREATE INDEX bot_answers_by_time ON bot_answers (at)",
    ),
    # How far the days of a workspace are counted, whose requests begin after `until` from then on; who counts, by a
    # token; and when somebody may again.
    _define(
        "day_sum_progress",
        "CREATE TABLE day_sum_progress (workspace {text} NOT NULL PRIMARY KEY, zone {text} NOT NULL, "
        "until {text} NOT NULL, token {text} NOT NULL, due_at {text} NOT NULL) {strict}",
    ),
    # What a busy scope has spent since its budget of a period renewed: the sum of its requests from `counted_from` on,
    # which a count moves back to `since`. An empty channel or person stands for all; `@direct` for direct messages.
    _define(
        "budget_totals",
        "CREATE TABLE budget_totals (workspace {text} NOT NULL, channel {text} NOT NULL, person {text} NOT NULL, "
        "period {text} NOT NULL, since {text} NOT NULL, counted_from {text} NOT NULL, spent {integer} NOT NULL, "
        "PRIMARY KEY (workspace, channel, person, period, since)) {strict}",
    ),
)
