-- name: stage_runs
CREATE TEMP TABLE staged_runs (
    run_id text COLLATE "C", status text, stopping text, output json, output_ref json, error json, ended_at bigint,
    last_seq bigint
) ON COMMIT DELETE ROWS

-- name: stage_nodes
CREATE TEMP TABLE staged_nodes (LIKE run_nodes) ON COMMIT DELETE ROWS

-- name: make_position
INSERT INTO sink_offsets (group_name, topic, partition, next_offset) VALUES (%s, %s, %s, 0)
ON CONFLICT (group_name, topic, partition) DO NOTHING

-- name: position
SELECT next_offset FROM sink_offsets WHERE group_name = %s AND topic = %s AND partition = %s

-- name: move
UPDATE sink_offsets AS held SET next_offset = moved.next_offset
FROM unnest(%s::text[], %s::int[], %s::bigint[], %s::bigint[]) AS moved (topic, partition, expected, next_offset)
WHERE held.group_name = %s AND held.topic = moved.topic AND held.partition = moved.partition
  AND held.next_offset = moved.expected

-- name: last_seqs
SELECT run_id, last_seq FROM runs WHERE run_id = ANY (%s)

-- name: decisions
SELECT log.run_id, log.first_seq, log.events
FROM unnest(%s::text[], %s::bigint[]) AS wanted (run_id, first_seq)
JOIN event_log AS log ON log.run_id = wanted.run_id AND log.first_seq = wanted.first_seq

-- name: last_decisions
SELECT DISTINCT ON (run_id) run_id, events FROM event_log
WHERE run_id = ANY (%s) ORDER BY run_id, first_seq DESC

-- name: copy_log
COPY event_log (workspace, run_id, first_seq, last_seq, at, cause_type, cause, log_partition, log_offset, events)
FROM STDIN (FORMAT BINARY)

-- name: copy_born
COPY runs (
    run_id, workspace, last_seq, workflow, version, graph, graph_rev, status, stopping, key, priority, author,
    command_id, parent_run_id, parent_path, inputs, inputs_ref, output, output_ref, error, created_at, started_at,
    ended_at
) FROM STDIN (FORMAT BINARY)

-- name: copy_runs
COPY staged_runs (run_id, status, stopping, output, output_ref, error, ended_at, last_seq)
FROM STDIN (FORMAT BINARY)

-- name: update_runs
UPDATE runs AS run SET
    last_seq = staged.last_seq,
    status = coalesce(staged.status, run.status),
    stopping = CASE WHEN staged.ended_at IS NULL THEN coalesce(staged.stopping, run.stopping) END,
    error = CASE WHEN staged.ended_at IS NULL THEN coalesce(staged.error, run.error) ELSE staged.error END,
    output = coalesce(staged.output, run.output),
    output_ref = coalesce(staged.output_ref, run.output_ref),
    ended_at = coalesce(staged.ended_at, run.ended_at)
FROM staged_runs AS staged WHERE run.run_id = staged.run_id

-- name: copy_nodes
COPY staged_nodes (
    run_id, path, status, updated_seq, node_type, attempt, started_at, ended_at, output, output_ref, error, child_run_id
) FROM STDIN (FORMAT BINARY)

-- name: upsert_nodes
INSERT INTO run_nodes AS node SELECT * FROM staged_nodes
ON CONFLICT (run_id, path) DO UPDATE SET
    status = excluded.status,
    updated_seq = excluded.updated_seq,
    node_type = coalesce(excluded.node_type, node.node_type),
    attempt = greatest(excluded.attempt, node.attempt),
    started_at = coalesce(excluded.started_at, node.started_at),
    ended_at = excluded.ended_at,
    output = excluded.output,
    output_ref = excluded.output_ref,
    error = excluded.error,
    child_run_id = coalesce(excluded.child_run_id, node.child_run_id)

-- name: add_artifact
INSERT INTO artifacts (workspace, sha256, size, media_type, first_run_id) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (workspace, sha256) DO NOTHING

-- name: workflow_position
SELECT workflow.last_seq, version.definition_hash
FROM workflows AS workflow
LEFT JOIN workflow_versions AS version
    ON version.workspace = workflow.workspace AND version.name = workflow.name AND version.version = %(version)s
WHERE workflow.workspace = %(workspace)s AND workflow.name = %(name)s

-- name: put_workflow
INSERT INTO workflows AS workflow (workspace, name, latest_version, created_at, updated_at, last_seq)
VALUES (%(workspace)s, %(name)s, %(latest)s, %(at)s, %(at)s, %(seq)s)
ON CONFLICT (workspace, name) DO UPDATE SET
    latest_version = greatest(excluded.latest_version, workflow.latest_version),
    updated_at = excluded.updated_at,
    last_seq = excluded.last_seq

-- name: add_version
INSERT INTO workflow_versions (workspace, name, version, definition_hash, definition, author, created_at)
VALUES (%(workspace)s, %(name)s, %(version)s, %(definition_hash)s, %(definition)s, %(author)s, %(at)s)

-- name: put_tag
INSERT INTO workflow_tags (workspace, name, tag, version, author, updated_at)
VALUES (%(workspace)s, %(name)s, %(tag)s, %(tag_version)s, %(author)s, %(at)s)
ON CONFLICT (workspace, name, tag) DO UPDATE SET
    version = excluded.version, author = excluded.author, updated_at = excluded.updated_at
