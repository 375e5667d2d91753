-- name: run
SELECT runs.*, {waiting} AS waiting FROM runs WHERE run_id = %(run_id)s AND workspace = %(workspace)s

-- name: status
SELECT status FROM runs WHERE run_id = %(run_id)s AND workspace = %(workspace)s

-- name: runs
SELECT runs.*, {waiting} AS waiting FROM runs WHERE workspace = %(workspace)s

-- name: waiting
(runs.status = 'RUNNING' AND runs.stopping IS NULL
 AND NOT EXISTS (
    SELECT FROM run_nodes AS node WHERE node.run_id = runs.run_id
      AND (node.status IN ('QUEUED', 'RETRYING')
        OR (node.status = 'RUNNING' AND coalesce(node.node_type, '') NOT IN ('map', 'loop'))))
 AND EXISTS (SELECT FROM run_nodes AS node WHERE node.run_id = runs.run_id AND node.status = 'WAITING'))

-- name: nodes
SELECT node.* FROM run_nodes AS node JOIN runs AS run ON run.run_id = node.run_id
WHERE run.run_id = %(run_id)s AND run.workspace = %(workspace)s AND node.path > %(after)s
ORDER BY node.path LIMIT %(limit)s

-- name: log
SELECT log.first_seq, log.at, log.events
FROM event_log AS log
WHERE log.run_id = %(run_id)s AND log.workspace = %(workspace)s AND log.last_seq > %(after)s
  AND log.first_seq >= coalesce(
      (SELECT max(before.first_seq) FROM event_log AS before
       WHERE before.run_id = %(run_id)s AND before.first_seq <= %(after)s), 0)
ORDER BY log.first_seq LIMIT %(limit)s

-- name: artifact
SELECT sha256, size, media_type, first_run_id FROM artifacts
WHERE workspace = %(workspace)s AND sha256 = %(sha256)s

-- name: workflows
SELECT workflow.name, workflow.latest_version, workflow.created_at, workflow.updated_at,
    (SELECT coalesce(json_object_agg(tag, version ORDER BY tag), '{}') FROM workflow_tags AS tag
     WHERE tag.workspace = workflow.workspace AND tag.name = workflow.name) AS tags
FROM workflows AS workflow
WHERE workflow.workspace = %(workspace)s AND workflow.name > %(after)s
ORDER BY workflow.name LIMIT %(limit)s

-- name: workflow
SELECT workflow.name, workflow.latest_version, workflow.created_at, workflow.updated_at,
    (SELECT coalesce(json_object_agg(tag, version ORDER BY tag), '{}') FROM workflow_tags AS tag
     WHERE tag.workspace = workflow.workspace AND tag.name = workflow.name) AS tags
FROM workflows AS workflow
WHERE workflow.workspace = %(workspace)s AND workflow.name = %(name)s

-- name: versions
SELECT name, version, definition_hash, NULL::json AS definition, author, created_at FROM workflow_versions
WHERE workspace = %(workspace)s AND name = %(name)s AND version < %(before)s
ORDER BY version DESC LIMIT %(limit)s

-- name: version
SELECT name, version, definition_hash, definition, author, created_at FROM workflow_versions
WHERE workspace = %(workspace)s AND name = %(name)s AND version = %(version)s

-- name: tagged
SELECT version.name, version.version, version.definition_hash, version.definition, version.author, version.created_at
FROM workflow_tags AS tag
JOIN workflow_versions AS version
    ON version.workspace = tag.workspace AND version.name = tag.name AND version.version = tag.version
WHERE tag.workspace = %(workspace)s AND tag.name = %(name)s AND tag.tag = %(tag)s
