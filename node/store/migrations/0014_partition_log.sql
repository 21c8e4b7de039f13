-- Which partitions stand in which log: one row per part, derived from log.body like coop.profile and gone with it.
CREATE TABLE coop.partition (
    origin_id  integer NOT NULL,
    idx        bigint NOT NULL,
    version    integer NOT NULL,
    part       integer NOT NULL,
    parts      integer NOT NULL,
    digest     text COLLATE "C" NOT NULL,
    snapshot   text COLLATE "C" NOT NULL,
    PRIMARY KEY (origin_id, idx),
    FOREIGN KEY (origin_id, idx) REFERENCES log.body (origin_id, idx) ON DELETE CASCADE
);
CREATE INDEX partition_of_log ON coop.partition (origin_id, digest, part);
