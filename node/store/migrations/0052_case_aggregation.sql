-- A case file of an aggregation is one of an aggregation that there is (docs/cases.md). What an office opened before, of whatever id it
-- was told, stays as it is: hours and costs stand in it. Only where all of them name an aggregation is the rule held to them, too.

ALTER TABLE programme.case_file
    ADD CONSTRAINT case_of_an_aggregation FOREIGN KEY (aggregation_id) REFERENCES programme.aggregation NOT VALID;
DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM programme.case_file c
                   WHERE c.aggregation_id IS NOT NULL
                     AND NOT EXISTS (SELECT FROM programme.aggregation a WHERE a.aggregation_id = c.aggregation_id)) THEN
        ALTER TABLE programme.case_file VALIDATE CONSTRAINT case_of_an_aggregation;
    END IF;
END
$$;
CREATE INDEX case_of_aggregation ON programme.case_file (aggregation_id);
