-- Which heads changed since somebody last asked: each change of what "heads" says of a log gets the next number.
CREATE SEQUENCE log.head_change;
ALTER TABLE log.origin ADD COLUMN head_changed bigint NOT NULL DEFAULT nextval('log.head_change');
CREATE INDEX origin_head_changed ON log.origin (head_changed);
