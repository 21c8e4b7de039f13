-- The programme: information sessions, aggregations, case files, calls, courses. Private, but for what an office announces in its log.
CREATE SCHEMA programme;
