-- Blobs under the SHA-256 of their bytes. A blob lives while a user or a document claims it, and a day longer.

-- Counted by the triggers below, so that neither a limit nor the total of a list adds up rows. Charged to a user: all three kinds of bytes together.
ALTER TABLE users ADD COLUMN blob_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN blob_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN document_blob_bytes INTEGER NOT NULL DEFAULT 0;
-- Those under way, and what they have reserved.
ALTER TABLE users ADD COLUMN upload_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN upload_bytes INTEGER NOT NULL DEFAULT 0;

ALTER TABLE documents ADD COLUMN blob_count INTEGER NOT NULL DEFAULT 0;
ALTER TABLE documents ADD COLUMN blob_bytes INTEGER NOT NULL DEFAULT 0;

CREATE TABLE blobs (
    hash BLOB PRIMARY KEY CHECK (length(hash) = 32),
    size INTEGER NOT NULL CHECK (size > 0),
    mime_type TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    claims INTEGER NOT NULL DEFAULT 0 CHECK (claims >= 0),
    -- When the last claim went; null while there is one.
    released_at INTEGER CHECK (released_at IS NULL OR claims = 0)
) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_released ON blobs (released_at) WHERE released_at IS NOT NULL;
-- Those whose last claim has gone in this transaction: triggers have no clock, the program's next statement sets the time. Empty after each commit.
CREATE INDEX blobs_unclaimed ON blobs (claims) WHERE claims = 0 AND released_at IS NULL;

CREATE TABLE user_blob_claims (
    hash BLOB NOT NULL REFERENCES blobs (hash),
    user_id TEXT NOT NULL REFERENCES users (id),
    mime_type TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    PRIMARY KEY (hash, user_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX user_blob_claims_user ON user_blob_claims (user_id, claimed_at, hash);

CREATE TABLE document_blob_claims (
    hash BLOB NOT NULL REFERENCES blobs (hash),
    document INTEGER NOT NULL REFERENCES documents (row) ON DELETE CASCADE,
    -- Who pays: the document's owner. Here as well, because the document is gone when its deletion removes this.
    owner_id TEXT NOT NULL REFERENCES users (id),
    mime_type TEXT NOT NULL,
    claimed_at INTEGER NOT NULL,
    PRIMARY KEY (hash, document)
) STRICT, WITHOUT ROWID;

CREATE INDEX document_blob_claims_document ON document_blob_claims (document, claimed_at, hash);

CREATE TABLE blob_uploads (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id),
    size INTEGER NOT NULL CHECK (size > 0),
    chunk_size INTEGER NOT NULL,
    mime_type TEXT NOT NULL,
    expected_hash BLOB,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    -- What it has become; null while it is under way. The blob may be gone again.
    hash BLOB,
    deduplicated INTEGER CHECK ((deduplicated IS NULL) = (hash IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX blob_uploads_expiry ON blob_uploads (expires_at);
CREATE INDEX blob_uploads_hash ON blob_uploads (hash);

CREATE TRIGGER user_blob_claims_added AFTER INSERT ON user_blob_claims BEGIN
    UPDATE blobs SET claims = claims + 1, released_at = NULL WHERE hash = new.hash;
    UPDATE users SET blob_count = blob_count + 1, blob_bytes = blob_bytes + (SELECT size FROM blobs WHERE hash = new.hash) WHERE id = new.user_id;
END;

CREATE TRIGGER user_blob_claims_removed AFTER DELETE ON user_blob_claims BEGIN
    UPDATE blobs SET claims = claims - 1 WHERE hash = old.hash;
    UPDATE users SET blob_count = blob_count - 1, blob_bytes = blob_bytes - (SELECT size FROM blobs WHERE hash = old.hash) WHERE id = old.user_id;
END;

CREATE TRIGGER document_blob_claims_added AFTER INSERT ON document_blob_claims BEGIN
    UPDATE blobs SET claims = claims + 1, released_at = NULL WHERE hash = new.hash;
    UPDATE users SET document_blob_bytes = document_blob_bytes + (SELECT size FROM blobs WHERE hash = new.hash) WHERE id = new.owner_id;
    UPDATE documents SET blob_count = blob_count + 1, blob_bytes = blob_bytes + (SELECT size FROM blobs WHERE hash = new.hash) WHERE row = new.document;
END;

CREATE TRIGGER document_blob_claims_removed AFTER DELETE ON document_blob_claims BEGIN
    UPDATE blobs SET claims = claims - 1 WHERE hash = old.hash;
    UPDATE users SET document_blob_bytes = document_blob_bytes - (SELECT size FROM blobs WHERE hash = old.hash) WHERE id = old.owner_id;
    UPDATE documents SET blob_count = blob_count - 1, blob_bytes = blob_bytes - (SELECT size FROM blobs WHERE hash = old.hash) WHERE row = old.document;
END;

CREATE TRIGGER blob_uploads_added AFTER INSERT ON blob_uploads BEGIN
    UPDATE users SET upload_count = upload_count + 1, upload_bytes = upload_bytes + new.size WHERE id = new.user_id;
END;

CREATE TRIGGER blob_uploads_completed AFTER UPDATE OF hash ON blob_uploads WHEN old.hash IS NULL AND new.hash IS NOT NULL BEGIN
    UPDATE users SET upload_count = upload_count - 1, upload_bytes = upload_bytes - old.size WHERE id = old.user_id;
END;

CREATE TRIGGER blob_uploads_removed AFTER DELETE ON blob_uploads WHEN old.hash IS NULL BEGIN
    UPDATE users SET upload_count = upload_count - 1, upload_bytes = upload_bytes - old.size WHERE id = old.user_id;
END;
