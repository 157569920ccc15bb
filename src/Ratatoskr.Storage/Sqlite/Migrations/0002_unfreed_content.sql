-- 1: the content may still be there, because the process ended in the middle of the deletion. Tombstones from before this are looked at once.
ALTER TABLE tombstones ADD COLUMN is_unfreed INTEGER NOT NULL DEFAULT 1;

CREATE INDEX tombstones_unfreed ON tombstones (is_unfreed, deleted_at) WHERE is_unfreed = 1;
