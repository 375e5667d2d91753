-- name: ping
SELECT 1

-- name: add_workspace
INSERT INTO workspaces (workspace, created_at) VALUES (%(workspace)s, %(created_at)s)
ON CONFLICT (workspace) DO NOTHING

-- name: add_key
INSERT INTO api_keys (key_id, digest, workspace, role, name, created_at)
VALUES (%(key_id)s, %(digest)s, %(workspace)s, %(role)s, %(name)s, %(created_at)s)
ON CONFLICT DO NOTHING

-- name: put_key
INSERT INTO api_keys (key_id, digest, workspace, role, name, created_at)
VALUES (%(key_id)s, %(digest)s, %(workspace)s, %(role)s, %(name)s, %(created_at)s)
ON CONFLICT (digest) DO UPDATE SET
    workspace = excluded.workspace, role = excluded.role, name = excluded.name

-- name: key_by_digest
SELECT key_id, digest, workspace, role, name, created_at, revoked_at FROM api_keys WHERE digest = %(digest)s

-- name: keys
SELECT key_id, digest, workspace, role, name, created_at, revoked_at FROM api_keys
WHERE workspace = %(workspace)s ORDER BY created_at, key_id

-- name: revoke_key
UPDATE api_keys SET revoked_at = coalesce(revoked_at, %(at)s)
WHERE workspace = %(workspace)s AND key_id = %(key_id)s RETURNING key_id

-- name: add_start
INSERT INTO start_requests
    (workspace, idempotency_key, request_hash, run_id, workflow, version, definition_hash, created_at)
VALUES (%(workspace)s, %(key)s, %(request_hash)s, %(run_id)s, %(workflow)s, %(version)s, %(definition_hash)s, %(at)s)
ON CONFLICT (workspace, idempotency_key) DO NOTHING

-- name: start
SELECT run_id, request_hash, workflow, version, definition_hash FROM start_requests
WHERE workspace = %(workspace)s AND idempotency_key = %(key)s

-- name: forget_starts
DELETE FROM start_requests WHERE (workspace, idempotency_key) IN (
    SELECT workspace, idempotency_key FROM start_requests
    WHERE created_at < %(before)s LIMIT %(limit)s FOR UPDATE SKIP LOCKED)

-- name: claim
INSERT INTO run_keys AS held (workspace, workflow, key, run_id, request_hash, trusted_until, claimed_at)
VALUES (%(workspace)s, %(workflow)s, %(key)s, %(run_id)s, %(request_hash)s, %(trusted_until)s, %(at)s)
ON CONFLICT (workspace, workflow, key) DO UPDATE SET
    run_id = excluded.run_id, request_hash = excluded.request_hash,
    trusted_until = excluded.trusted_until, claimed_at = excluded.claimed_at
WHERE held.run_id = excluded.run_id
   OR (held.run_id = %(instead_of)s AND held.trusted_until IS NOT DISTINCT FROM %(instead_until)s::bigint)
   OR EXISTS (SELECT 1 FROM runs AS run WHERE run.run_id = held.run_id AND run.status = ANY (%(ended)s))
RETURNING run_id

-- name: holder
SELECT run_id, request_hash, trusted_until FROM run_keys
WHERE workspace = %(workspace)s AND workflow = %(workflow)s AND key = %(key)s

-- name: trust
UPDATE run_keys SET trusted_until = %(until)s
WHERE workspace = %(workspace)s AND workflow = %(workflow)s AND key = %(key)s AND run_id = %(run_id)s

-- name: forget_run_keys
DELETE FROM run_keys WHERE (workspace, workflow, key, run_id) IN (
    SELECT held.workspace, held.workflow, held.key, held.run_id
    FROM run_keys AS held LEFT JOIN runs AS run ON run.run_id = held.run_id
    WHERE run.status = ANY (%(ended)s) OR (run.run_id IS NULL AND held.claimed_at < %(before)s)
    LIMIT %(limit)s FOR UPDATE OF held SKIP LOCKED)

-- name: release
DELETE FROM run_keys
WHERE workspace = %(workspace)s AND workflow = %(workflow)s AND key = %(key)s AND run_id = %(run_id)s

-- name: add_audit
INSERT INTO audit (workspace, at, author, action, target, detail)
VALUES (%(workspace)s, %(at)s, %(author)s, %(action)s, %(target)s, %(detail)s)
RETURNING entry

-- name: audit
SELECT entry, workspace, at, author, action, target, detail FROM audit
WHERE workspace = %(workspace)s AND entry < %(before)s ORDER BY entry DESC LIMIT %(limit)s
