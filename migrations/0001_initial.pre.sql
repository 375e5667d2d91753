-- Times are Unix milliseconds (bigint): the events' own unit, compared and paged without conversion.
-- Free JSON is `json`, not `jsonb`: stored as it was written, cheap, and \u0000 inside strings is allowed.
-- Paths and ids collate by bytes ("C"), so that a keyset page is the same everywhere.

-- ---------------------------------------------------------------- the api's own

CREATE TABLE workspaces (
    workspace  text COLLATE "C" PRIMARY KEY,
    created_at bigint NOT NULL
);

CREATE TABLE api_keys (
    key_id     text COLLATE "C" PRIMARY KEY,
    digest     text COLLATE "C" NOT NULL UNIQUE CHECK (digest ~ '^[0-9a-f]{64}$'),
    workspace  text COLLATE "C" NOT NULL REFERENCES workspaces,
    role       text NOT NULL CHECK (role IN ('admin', 'member', 'reader', 'service')),
    name       text NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint
);
COMMENT ON COLUMN api_keys.digest IS 'SHA-256 of the key in hex; the key itself is never stored';
CREATE INDEX api_keys_of_workspace ON api_keys (workspace, created_at);

CREATE TABLE audit (
    entry     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    workspace text COLLATE "C" NOT NULL,
    at        bigint NOT NULL,
    author    text NOT NULL,
    action    text NOT NULL,
    target    text NOT NULL,
    detail    json
);
CREATE INDEX audit_of_workspace ON audit (workspace, entry DESC);

CREATE TABLE start_requests (
    workspace       text COLLATE "C" NOT NULL,
    idempotency_key text COLLATE "C" NOT NULL,
    request_hash    text NOT NULL,
    run_id          text COLLATE "C" NOT NULL,
    created_at      bigint NOT NULL,
    PRIMARY KEY (workspace, idempotency_key)
);

CREATE TABLE run_keys (
    workspace  text COLLATE "C" NOT NULL,
    workflow   text COLLATE "C" NOT NULL,
    key        text COLLATE "C" NOT NULL,
    run_id     text COLLATE "C" NOT NULL,
    claimed_at bigint NOT NULL,
    PRIMARY KEY (workspace, workflow, key)
);
COMMENT ON TABLE run_keys IS 'the live run of a business key, or the last one that was';

-- ---------------------------------------------------------------- the projection: written by the outbox alone

CREATE TABLE sink_offsets (
    group_name  text COLLATE "C" NOT NULL,
    topic       text COLLATE "C" NOT NULL,
    partition   int NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (group_name, topic, partition)
) WITH (fillfactor = 50);

CREATE TABLE event_log (
    workspace     text COLLATE "C" NOT NULL,
    run_id        text COLLATE "C" NOT NULL,
    first_seq     bigint NOT NULL,
    last_seq      bigint NOT NULL CHECK (last_seq >= first_seq),
    at            bigint NOT NULL,
    cause_type    text NOT NULL,
    cause         bytea NOT NULL,
    log_partition int NOT NULL,
    log_offset    bigint NOT NULL,
    events        json NOT NULL,
    PRIMARY KEY (run_id, first_seq)
);
COMMENT ON TABLE event_log IS 'one row a decision: the fact that caused it, as it stood in the log, and its events';

CREATE TABLE runs (
    run_id        text COLLATE "C" PRIMARY KEY,
    workspace     text COLLATE "C" NOT NULL,
    workflow      text COLLATE "C",
    version       bigint,
    graph         text,
    graph_rev     int NOT NULL,
    status        text NOT NULL,
    stopping      text CHECK (stopping IN ('cancelling', 'failing')),
    key           text,
    priority      text,
    author        text NOT NULL,
    command_id    text NOT NULL,
    parent_run_id text COLLATE "C",
    parent_path   text,
    inputs        json,
    inputs_ref    json,
    output        json,
    output_ref    json,
    error         json,
    created_at    bigint NOT NULL,
    started_at    bigint,
    ended_at      bigint,
    last_seq      bigint NOT NULL
) WITH (fillfactor = 70);
COMMENT ON COLUMN runs.graph IS 'content hash of the definition; null for a rejected run';
COMMENT ON COLUMN runs.created_at IS 'when the start was asked for';
CREATE INDEX runs_listed ON runs (workspace, created_at DESC, run_id DESC);
CREATE INDEX runs_by_status ON runs (workspace, status, created_at DESC, run_id DESC);
CREATE INDEX runs_by_workflow ON runs (workspace, workflow, created_at DESC, run_id DESC);

CREATE TABLE run_nodes (
    run_id       text COLLATE "C" NOT NULL,
    path         text COLLATE "C" NOT NULL,
    node_type    text,
    status       text NOT NULL,
    attempt      int NOT NULL,
    started_at   bigint,
    ended_at     bigint,
    output       json,
    output_ref   json,
    error        json,
    child_run_id text COLLATE "C",
    updated_seq  bigint NOT NULL,
    PRIMARY KEY (run_id, path)
) WITH (fillfactor = 70);

CREATE TABLE artifacts (
    workspace    text COLLATE "C" NOT NULL,
    sha256       text COLLATE "C" NOT NULL,
    size         bigint NOT NULL,
    media_type   text NOT NULL,
    first_run_id text COLLATE "C" NOT NULL,
    PRIMARY KEY (workspace, sha256)
);

CREATE TABLE workflows (
    workspace      text COLLATE "C" NOT NULL,
    name           text COLLATE "C" NOT NULL,
    latest_version bigint NOT NULL,
    created_at     bigint NOT NULL,
    updated_at     bigint NOT NULL,
    last_seq       bigint NOT NULL,
    PRIMARY KEY (workspace, name)
);

CREATE TABLE workflow_versions (
    workspace       text COLLATE "C" NOT NULL,
    name            text COLLATE "C" NOT NULL,
    version         bigint NOT NULL,
    definition_hash text NOT NULL,
    definition      json,
    author          text NOT NULL,
    created_at      bigint NOT NULL,
    PRIMARY KEY (workspace, name, version)
);
COMMENT ON COLUMN workflow_versions.definition IS 'null when it is in the content-addressed store alone';

CREATE TABLE workflow_tags (
    workspace  text COLLATE "C" NOT NULL,
    name       text COLLATE "C" NOT NULL,
    tag        text COLLATE "C" NOT NULL,
    version    bigint NOT NULL,
    author     text NOT NULL,
    updated_at bigint NOT NULL,
    PRIMARY KEY (workspace, name, tag)
);
