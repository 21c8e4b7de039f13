-- What each edition of the public list said in numbers, kept for good: rows of an old edition are deleted when their term is over,
-- its counts are not. Counts of public data; no code, name or deed stands here.
CREATE TABLE observatory.edition (
    taken_on    date PRIMARY KEY,
    -- Of the edition that was counted: another one of the same day is counted anew.
    digest      text COLLATE "C" NOT NULL,
    counted_at  timestamptz NOT NULL
);

-- One number; the meaning of codes by measure stands in node/domain/observatory/history.py.
CREATE TABLE observatory.edition_count (
    taken_on  date NOT NULL REFERENCES observatory.edition ON DELETE CASCADE,
    measure   text COLLATE "C" NOT NULL,
    codes     text[] COLLATE "C" NOT NULL,
    value     bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (taken_on, measure, codes)
);

-- What changed between two editions, told of the later one; both must have been here with their rows when it was counted.
CREATE TABLE observatory.edition_change (
    taken_on  date NOT NULL REFERENCES observatory.edition ON DELETE CASCADE,
    since     date NOT NULL REFERENCES observatory.edition ON DELETE CASCADE,
    measure   text COLLATE "C" NOT NULL,
    codes     text[] COLLATE "C" NOT NULL,
    value     bigint NOT NULL CHECK (value >= 0),
    PRIMARY KEY (taken_on, since, measure, codes),
    CHECK (since < taken_on)
);
CREATE INDEX edition_change_since ON observatory.edition_change (since);
