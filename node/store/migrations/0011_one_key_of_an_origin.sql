-- The hash follows from the line, which is unique. A second unique index would make "insert, or else update" fail where two
-- hands write the same new log at once: ON CONFLICT watches one index, and the other raises.
DROP INDEX log.origin_by_hash;
CREATE INDEX origin_by_hash ON log.origin (origin_hash);
