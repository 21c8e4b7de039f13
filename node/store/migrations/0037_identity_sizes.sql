-- What fits into one message fits into the tables of both offices: a network of three hundred firms, and words full of signs that JSON
-- writes as two.
ALTER TABLE office.introduction_consent DROP CONSTRAINT introduction_consent_identity_check,
    ADD CONSTRAINT introduction_consent_identity_check CHECK (jsonb_typeof(identity) = 'object' AND length(identity::text) <= 60000);
ALTER TABLE office.introduction_identity DROP CONSTRAINT introduction_identity_identity_check,
    ADD CONSTRAINT introduction_identity_identity_check CHECK (jsonb_typeof(identity) = 'object' AND length(identity::text) <= 60000);
ALTER TABLE office.introduction DROP CONSTRAINT introduction_applicant_check,
    ADD CONSTRAINT introduction_applicant_check CHECK (jsonb_typeof(applicant) = 'object' AND length(applicant::text) <= 20000);
