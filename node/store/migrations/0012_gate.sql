-- What the text gate measured when a version was approved: counts of hits, rank and margin of the attack. No words.
ALTER TABLE publication.decision ADD COLUMN gate jsonb CHECK (jsonb_typeof(gate) = 'object');

-- Every name that must not stand in a text that leaves. One list: what is read, and what tells whether it has changed.
CREATE VIEW registry.secret_term AS
SELECT 'firm' AS kind, name AS text FROM registry.firm WHERE NOT natural_person
UNION
SELECT 'person', name FROM registry.firm WHERE natural_person
UNION
SELECT 'code', tax_code FROM registry.firm WHERE tax_code <> ''
UNION
SELECT 'code', vat_number FROM registry.firm WHERE vat_number <> ''
UNION
SELECT 'code', rea FROM registry.firm WHERE rea <> ''
UNION
SELECT 'network', name FROM registry.network
UNION
SELECT 'code', own_tax_code FROM registry.network WHERE own_tax_code <> ''
UNION
SELECT 'code', own_rea FROM registry.network WHERE own_rea <> ''
UNION
SELECT 'person', notary FROM registry.network WHERE notary <> ''
UNION
SELECT 'person', common_body_holder FROM registry.network WHERE common_body_holder <> ''
UNION
SELECT 'person', person FROM registry.contact WHERE person <> ''
UNION
SELECT 'person', person FROM registry.consent WHERE person <> ''
UNION
SELECT 'contact', phone FROM registry.contact WHERE phone <> ''
UNION
SELECT 'contact', split_part(email, '@', 2) FROM registry.contact WHERE email LIKE '%@%';
