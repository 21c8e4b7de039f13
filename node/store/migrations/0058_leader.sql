-- One process of a node leads (docs/processes.md): it signs, pulls, sends and keeps backups. Who it is, and by which number its writes are
-- fenced: each new leader takes the next one, and what an earlier leader still wants to write is refused.
CREATE TABLE ops.leader (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    -- Unique, so that taking the next number waits for every transaction that was begun under this one, and a sign of life does not.
    epoch bigint NOT NULL UNIQUE CHECK (epoch >= 0),
    -- Machine and process, for people; empty: nobody leads.
    holder text NOT NULL DEFAULT '' CHECK (length(holder) <= 200),
    since timestamptz,
    seen_at timestamptz
) WITH (fillfactor = 50);
INSERT INTO ops.leader (epoch) VALUES (0);
