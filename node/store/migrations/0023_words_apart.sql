-- Words that only a slash, a point or a range joined were read as one path, host or number and not found by themselves: they
-- stand apart from now on (domain/words.apart), also in rows of before.
UPDATE coop.profile
SET text_a = regexp_replace(text_a, '(?<=\w)/(?=\w)|(?<=\d)-(?=\d)|(?<=[[:alpha:]])\.(?=[[:alpha:]])', ' ', 'g'),
    text_c = regexp_replace(text_c, '(?<=\w)/(?=\w)|(?<=\d)-(?=\d)|(?<=[[:alpha:]])\.(?=[[:alpha:]])', ' ', 'g'),
    text_d = regexp_replace(text_d, '(?<=\w)/(?=\w)|(?<=\d)-(?=\d)|(?<=[[:alpha:]])\.(?=[[:alpha:]])', ' ', 'g')
WHERE concat_ws(' ', text_a, text_c, text_d) ~ '\w/\w|\d-\d|[[:alpha:]]\.[[:alpha:]]';
