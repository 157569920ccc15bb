-- Times are unix milliseconds. Automerge ids are base58check texts.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    email TEXT,
    name TEXT,
    -- The automerge id of the document that the server keeps for the user. It has no row in documents.
    user_document TEXT NOT NULL UNIQUE,
    -- Null: what the settings say.
    max_documents INTEGER,
    max_document_size INTEGER,
    max_total_storage INTEGER,
    max_blob_storage INTEGER,
    max_blob_size INTEGER,
    -- Kept by the triggers below, so that a registration does not count 10,000 rows.
    document_count INTEGER NOT NULL DEFAULT 0,
    document_bytes INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    signed_in_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    ended_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX sessions_expiry ON sessions (expires_at);
CREATE INDEX sessions_ended ON sessions (ended_at) WHERE ended_at IS NOT NULL;

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    name TEXT NOT NULL,
    keyed_hash BLOB NOT NULL UNIQUE,
    -- A JSON array; null for no limit.
    scopes TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_tokens_user ON api_tokens (user_id, created_at);
CREATE INDEX api_tokens_expiry ON api_tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE documents (
    row INTEGER PRIMARY KEY,
    id TEXT NOT NULL,
    automerge_id TEXT NOT NULL UNIQUE,
    owner_id TEXT NOT NULL REFERENCES users (id),
    app_id TEXT,
    type TEXT,
    size INTEGER NOT NULL,
    expires_at INTEGER,
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    -- Entries of access lists that name this document, kept by the triggers below: few documents have any, and only those are followed.
    referrers INTEGER NOT NULL DEFAULT 0,
    -- The id where it means one document: everybody may have an app:notes of his own.
    name TEXT NOT NULL GENERATED ALWAYS AS (CASE WHEN app_id IS NULL THEN id ELSE automerge_id END) VIRTUAL
) STRICT;

CREATE UNIQUE INDEX documents_name ON documents (name);
CREATE UNIQUE INDEX documents_app ON documents (owner_id, app_id) WHERE app_id IS NOT NULL;
CREATE INDEX documents_owner ON documents (owner_id, created_at);
CREATE INDEX documents_principal ON documents (owner_id) WHERE referrers > 0;
CREATE INDEX documents_expiry ON documents (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE acl_entries (
    document INTEGER NOT NULL REFERENCES documents (row) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    -- A user, 'public', or any name of a document, which need not be there yet.
    principal TEXT NOT NULL,
    -- 1 read, 2 write, 3 both.
    permission INTEGER NOT NULL CHECK (permission BETWEEN 1 AND 3),
    PRIMARY KEY (document, position)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX acl_entries_principal ON acl_entries (principal, document);

-- Names of deleted documents. Entries of others may still name them, so nobody but the former owner gets them.
CREATE TABLE tombstones (
    automerge_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    former_owner TEXT NOT NULL,
    deleted_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX tombstones_name ON tombstones (name);

CREATE TRIGGER documents_added AFTER INSERT ON documents BEGIN
    UPDATE users SET document_count = document_count + 1, document_bytes = document_bytes + new.size WHERE id = new.owner_id;
    UPDATE documents SET referrers = (SELECT count(*) FROM acl_entries WHERE principal IN (new.name, new.automerge_id)) WHERE row = new.row;
END;

CREATE TRIGGER documents_removed AFTER DELETE ON documents BEGIN
    UPDATE users SET document_count = document_count - 1, document_bytes = document_bytes - old.size WHERE id = old.owner_id;
END;

CREATE TRIGGER documents_resized AFTER UPDATE OF size ON documents WHEN new.size <> old.size BEGIN
    UPDATE users SET document_bytes = document_bytes + new.size - old.size WHERE id = new.owner_id;
END;

CREATE TRIGGER acl_entries_added AFTER INSERT ON acl_entries BEGIN
    UPDATE documents SET referrers = referrers + 1 WHERE name = new.principal OR automerge_id = new.principal;
END;

CREATE TRIGGER acl_entries_removed AFTER DELETE ON acl_entries BEGIN
    UPDATE documents SET referrers = referrers - 1 WHERE name = old.principal OR automerge_id = old.principal;
END;
