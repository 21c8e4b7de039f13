-- name: keep_figures
INSERT INTO observatory.figures (as_of, made_at, inputs, document)
VALUES ($1, $2, $3, $4)
ON CONFLICT (only_one) DO UPDATE
SET as_of = EXCLUDED.as_of, made_at = EXCLUDED.made_at, inputs = EXCLUDED.inputs, document = EXCLUDED.document;

-- name: figures
SELECT as_of, made_at, inputs, document FROM observatory.figures;

-- name: figures_stamp
SELECT made_at, inputs FROM observatory.figures;

-- name: add_release
INSERT INTO observatory.release (release_id, as_of, made_at, digest, document)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (release_id) DO NOTHING;

-- name: release
SELECT release_id, as_of, made_at, digest, document FROM observatory.release WHERE release_id = $1;

-- name: list_releases
SELECT release_id, as_of, made_at, digest FROM observatory.release ORDER BY release_id DESC LIMIT 1000;
