-- What releasing must remember: the one deferral of a profile, why a version waits, why a doubtful text was approved.
ALTER TABLE publication.profile ADD COLUMN deferred_until date;
ALTER TABLE publication.version ADD COLUMN held_code text;
ALTER TABLE publication.version
    ADD CONSTRAINT held_while_queued CHECK (held_code IS NULL OR state = 'queued');
ALTER TABLE publication.decision ADD COLUMN reason text CHECK (reason <> '');

-- Labels stay explainable: the partition they come from can't go away. Older rows are checked below.
ALTER TABLE publication.profile
    ADD CONSTRAINT profile_partition FOREIGN KEY (partition_version) REFERENCES population.partition (version) NOT VALID;
