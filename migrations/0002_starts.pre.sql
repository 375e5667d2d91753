-- A repeated request starts what its first attempt chose, whatever a tag or `main` points at by then.
ALTER TABLE start_requests
    ADD COLUMN workflow        text COLLATE "C",
    ADD COLUMN version         bigint,
    ADD COLUMN definition_hash text;
CREATE INDEX start_requests_by_age ON start_requests (created_at);

ALTER TABLE run_keys
    ADD COLUMN request_hash  text,
    ADD COLUMN trusted_until bigint;
COMMENT ON COLUMN run_keys.trusted_until IS
    'until when the start is taken to be under way to Kafka; null: it is there';
