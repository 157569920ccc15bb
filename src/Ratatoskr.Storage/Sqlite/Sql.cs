namespace Ratatoskr.Storage.Sqlite;

/// <summary>Every statement on the tables, in one place: a test asks SQLite for the plan of each and refuses those that walk a table.</summary>
internal static class Sql
{
    // Users

    private const string UserColumns =
        "id, email, name, user_document, max_documents, max_document_size, max_total_storage, max_blob_storage, max_blob_size, created_at, updated_at";

    public const string FindUser = $"SELECT {UserColumns} FROM users WHERE id = $user";

    public const string AddUser =
        "INSERT INTO users (id, email, name, user_document, created_at, updated_at) VALUES ($user, $email, $name, $userDocument, $now, $now)";

    public const string UpdateUser = "UPDATE users SET email = $email, name = $name, updated_at = $now WHERE id = $user";

    private const string Charged = "blob_bytes + document_blob_bytes + upload_bytes";

    public const string Usage = $"SELECT document_count, document_bytes, {Charged} FROM users WHERE id = $user";

    // Sessions and API tokens

    public const string AddSession =
        "INSERT INTO sessions (id, user_id, signed_in_at, expires_at, ended_at) VALUES ($id, $user, $signedInAt, $expiresAt, $endedAt)";

    public const string FindSession = "SELECT id, user_id, signed_in_at, expires_at, ended_at FROM sessions WHERE id = $id";

    public const string EndSession = "UPDATE sessions SET ended_at = $now WHERE id = $id AND ended_at IS NULL AND expires_at > $now";

    public const string AddToken =
        "INSERT INTO api_tokens (id, user_id, name, keyed_hash, scopes, created_at, expires_at, last_used_at) " +
        "VALUES ($id, $user, $name, $hash, $scopes, $createdAt, $expiresAt, $lastUsedAt)";

    private const string TokenColumns = "id, user_id, name, scopes, created_at, expires_at, last_used_at";

    public const string FindToken = $"SELECT {TokenColumns} FROM api_tokens WHERE keyed_hash = $hash";

    public const string ListTokens = $"SELECT {TokenColumns} FROM api_tokens WHERE user_id = $user ORDER BY created_at DESC, id DESC";

    public const string RemoveToken = "DELETE FROM api_tokens WHERE id = $id AND user_id = $user";

    public const string TokenUsed = "UPDATE api_tokens SET last_used_at = max(coalesce(last_used_at, 0), $at) WHERE id = $id";

    // Swept in portions, so that other writes get their turn.
    public const string SweepExpiredSessions = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < $before LIMIT $limit)";

    public const string SweepEndedSessions = "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE ended_at < $before LIMIT $limit)";

    public const string SweepTokens = "DELETE FROM api_tokens WHERE id IN (SELECT id FROM api_tokens WHERE expires_at < $before LIMIT $limit)";

    // Documents

    private const string DocumentColumns = "row, id, automerge_id, owner_id, app_id, type, size, expires_at, version, created_at, updated_at";

    private const string NotExpired = "(expires_at IS NULL OR expires_at > $now)";

    /// <summary>Whether a name is another's. Documents' ids and automerge ids, user documents and tombstones share one namespace; a tombstone is free for its former owner.</summary>
    public const string IsTaken =
        """
        SELECT EXISTS (SELECT 1 FROM documents WHERE name = $name)
            OR EXISTS (SELECT 1 FROM documents WHERE automerge_id = $name)
            OR EXISTS (SELECT 1 FROM users WHERE user_document = $name)
            OR EXISTS (SELECT 1 FROM tombstones WHERE automerge_id = $name AND former_owner <> $owner)
            OR EXISTS (SELECT 1 FROM tombstones WHERE name = $name AND former_owner <> $owner)
        """;

    public const string AddDocument =
        "INSERT INTO documents (id, automerge_id, owner_id, app_id, type, size, expires_at, version, created_at, updated_at) " +
        "VALUES ($id, $automergeId, $owner, $app, $type, $size, $expiresAt, $version, $createdAt, $updatedAt) RETURNING row";

    public const string FindDocument = $"SELECT {DocumentColumns} FROM documents WHERE automerge_id = $id";

    public const string FindDocumentByName = $"SELECT {DocumentColumns} FROM documents WHERE name = $name OR automerge_id = $name";

    public const string FindApp = $"SELECT {DocumentColumns} FROM documents WHERE owner_id = $owner AND app_id = $app";

    public const string DeleteDocument = "DELETE FROM documents WHERE row = $row";

    // Both names may have been one before.
    public const string AddTombstone =
        "INSERT INTO tombstones (automerge_id, name, former_owner, deleted_at) VALUES ($id, $name, $owner, $now) " +
        "ON CONFLICT (automerge_id) DO UPDATE SET name = excluded.name, former_owner = excluded.former_owner, deleted_at = excluded.deleted_at, is_unfreed = 1";

    public const string Unfreed = "SELECT automerge_id FROM tombstones WHERE is_unfreed = 1 ORDER BY deleted_at LIMIT $limit";

    public const string Freed = "UPDATE tombstones SET is_unfreed = 0 WHERE automerge_id = $id";

    public const string FormerOwner = "SELECT former_owner FROM tombstones WHERE automerge_id = $id";

    public const string RemoveTombstone = "DELETE FROM tombstones WHERE automerge_id = $id";

    public const string SetType = "UPDATE documents SET type = $type, version = version + 1, updated_at = $now WHERE automerge_id = $id";

    public const string SetExpiration = "UPDATE documents SET expires_at = $expiresAt, version = version + 1, updated_at = $now WHERE automerge_id = $id";

    public const string AclChanged = "UPDATE documents SET version = version + 1, updated_at = $now WHERE row = $row";

    public const string RecordSize = "UPDATE documents SET size = $size, updated_at = max(updated_at, $at) WHERE automerge_id = $id";

    public const string Expired = $"SELECT {DocumentColumns} FROM documents WHERE expires_at <= $now ORDER BY expires_at LIMIT $limit";

    // Access lists

    public const string Acl = "SELECT principal, permission FROM acl_entries WHERE document = $row ORDER BY position";

    /// <summary>Of a page of documents at once; <c>$rows</c> is a JSON array.</summary>
    public const string Acls =
        "SELECT document, principal, permission FROM json_each($rows) AS page CROSS JOIN acl_entries ON document = page.value ORDER BY page.id, position";

    public const string AddAclEntry = "INSERT INTO acl_entries (document, position, principal, permission) VALUES ($row, $position, $principal, $permission)";

    public const string ClearAcl = "DELETE FROM acl_entries WHERE document = $row";

    // Lists

    private const string ListColumns = "row, id, automerge_id, owner_id, type, size, expires_at, created_at, updated_at";

    public const string ListOwned =
        $"""
        SELECT {ListColumns} FROM documents
        WHERE owner_id = $user AND {NotExpired} AND (created_at, row) < ($createdAt, $row)
        ORDER BY created_at DESC, row DESC LIMIT $limit
        """;

    /// <summary>
    /// Forwards from what the user reaches by himself: his own documents, those that name him, and, on request, public ones. From each that any list names, to the documents whose
    /// lists name it. UNION drops what was reached before at the same depth, so a cycle costs eleven rounds at most and a wide graph no more than eleven times its entries.
    /// An expired document leads nowhere. <c>public</c> is nobody's document.
    /// </summary>
    public const string ListAccessible =
        $"""
        WITH RECURSIVE reach (row, depth) AS (
            SELECT row, 0 FROM documents WHERE owner_id = $user AND referrers > 0
            UNION
            SELECT document, 0 FROM acl_entries WHERE principal = $user
            UNION
            SELECT document, 0 FROM acl_entries WHERE principal = 'public' AND $public
            UNION
            SELECT entry.document, reach.depth + 1
            FROM reach
            CROSS JOIN documents AS via ON via.row = reach.row
            CROSS JOIN acl_entries AS entry ON entry.principal IN (via.name, via.automerge_id)
            WHERE reach.depth < 10 AND via.referrers > 0 AND (via.expires_at IS NULL OR via.expires_at > $now)
        )
        SELECT {ListColumns} FROM documents
        WHERE row IN (SELECT row FROM reach)
            AND owner_id <> $user AND app_id IS NULL AND {NotExpired} AND (created_at, row) < ($createdAt, $row)
        ORDER BY created_at DESC, row DESC LIMIT $limit
        """;

    /// <summary>Backwards along the same edges. Begins with names, so that it answers for a deleted document too. Expired ones count: they may come back.</summary>
    public const string Referrers =
        """
        WITH RECURSIVE
        subject (name) AS (
            SELECT $id
            UNION SELECT name FROM documents WHERE automerge_id = $id
            UNION SELECT name FROM tombstones WHERE automerge_id = $id
        ),
        referrer (row, depth) AS (
            SELECT entry.document, 1 FROM subject CROSS JOIN acl_entries AS entry ON entry.principal = subject.name
            UNION
            SELECT entry.document, referrer.depth + 1
            FROM referrer
            CROSS JOIN documents AS via ON via.row = referrer.row
            CROSS JOIN acl_entries AS entry ON entry.principal IN (via.name, via.automerge_id)
            WHERE referrer.depth < 10 AND via.referrers > 0
        )
        SELECT DISTINCT documents.automerge_id
        FROM referrer CROSS JOIN documents ON documents.row = referrer.row
        WHERE documents.automerge_id <> $id
        LIMIT $limit
        """;

    // Blobs

    public const string BlobRoom = $"SELECT {Charged}, upload_count, max_blob_storage, max_blob_size FROM users WHERE id = $user";

    public const string AddBlob =
        "INSERT INTO blobs (hash, size, mime_type, created_at) VALUES ($hash, $size, $mimeType, $now) ON CONFLICT (hash) DO NOTHING";

    private const string BlobColumns = "hash, size, mime_type, created_at";

    public const string FindBlob = $"SELECT {BlobColumns} FROM blobs WHERE hash = $hash";

    public const string BlobPage = $"SELECT {BlobColumns} FROM blobs WHERE hash > $after ORDER BY hash LIMIT $limit";

    /// <summary>Those that have lost their last claim in this transaction begin to wait.</summary>
    public const string BlobsReleased = "UPDATE blobs SET released_at = $now WHERE claims = 0 AND released_at IS NULL";

    public const string UnclaimedBlobs = "SELECT hash FROM blobs WHERE released_at <= $since ORDER BY released_at LIMIT $limit";

    public const string ForgetBlob = "DELETE FROM blobs WHERE hash = $hash AND released_at <= $since";

    // Claims on blobs

    // A subquery and no join: rows that an offset passes over then cost no search.
    private const string ClaimColumns = "hash, (SELECT size FROM blobs WHERE hash = claim.hash), mime_type, claimed_at";

    public const string AddUserClaim = "INSERT INTO user_blob_claims (hash, user_id, mime_type, claimed_at) VALUES ($hash, $user, $mimeType, $now)";

    public const string AddDocumentClaim =
        "INSERT INTO document_blob_claims (hash, document, owner_id, mime_type, claimed_at) VALUES ($hash, $row, $owner, $mimeType, $now)";

    public const string FindUserClaim = $"SELECT {ClaimColumns} FROM user_blob_claims AS claim WHERE hash = $hash AND user_id = $user";

    public const string FindDocumentClaim = $"SELECT {ClaimColumns} FROM document_blob_claims AS claim WHERE hash = $hash AND document = $row";

    public const string RemoveUserClaim = "DELETE FROM user_blob_claims WHERE hash = $hash AND user_id = $user";

    public const string RemoveDocumentClaim =
        "DELETE FROM document_blob_claims WHERE hash = $hash AND document = (SELECT row FROM documents WHERE automerge_id = $id)";

    public const string ListUserClaims =
        $"SELECT {ClaimColumns} FROM user_blob_claims AS claim WHERE user_id = $user ORDER BY claimed_at DESC, hash DESC LIMIT $limit OFFSET $offset";

    public const string UserClaimTotals = $"SELECT blob_count, blob_bytes, {Charged} FROM users WHERE id = $user";

    public const string ListDocumentClaims =
        $"SELECT {ClaimColumns} FROM document_blob_claims AS claim WHERE document = $row ORDER BY claimed_at DESC, hash DESC LIMIT $limit OFFSET $offset";

    public const string DocumentClaimTotals = "SELECT row, blob_count, blob_bytes, owner_id FROM documents WHERE automerge_id = $id";

    public const string BlobHolders =
        """
        SELECT automerge_id, documents.owner_id, mime_type, row
        FROM document_blob_claims AS claim CROSS JOIN documents ON row = document
        WHERE hash = $hash AND document > $after ORDER BY document LIMIT $limit
        """;

    // Uploads of blobs

    public const string AddUpload =
        "INSERT INTO blob_uploads (id, user_id, size, chunk_size, mime_type, expected_hash, created_at, expires_at) " +
        "VALUES ($id, $user, $size, $chunkSize, $mimeType, $expectedHash, $createdAt, $expiresAt)";

    public const string FindUpload =
        "SELECT id, user_id, size, chunk_size, mime_type, expected_hash, created_at, expires_at, hash, deduplicated FROM blob_uploads WHERE id = $id";

    public const string OpenUploads = "SELECT id FROM blob_uploads WHERE hash IS NULL";

    public const string ExpiredUploads = "SELECT id FROM blob_uploads WHERE expires_at <= $now ORDER BY expires_at LIMIT $limit";

    public const string UploadCompleted = "UPDATE blob_uploads SET hash = $hash, deduplicated = $deduplicated WHERE id = $id";

    public const string RemoveUpload = "DELETE FROM blob_uploads WHERE id = $id";
}
