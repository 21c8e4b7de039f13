-- Profiles of aggregations that have no contract yet: in no register, so in no block of a partition (docs/profiles.md).
ALTER TABLE publication.profile
    ADD COLUMN potential boolean NOT NULL DEFAULT false,
    ADD CONSTRAINT potential_has_no_contract CHECK (potential = (register_id = '') AND potential = (block_id < 0));
