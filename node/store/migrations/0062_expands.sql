-- Which steps leave a program that does not know them at work (docs/decisions/0026-expand-then-contract.md); of those before this one none does.
ALTER TABLE ops.migration ADD COLUMN expands boolean NOT NULL DEFAULT false;
