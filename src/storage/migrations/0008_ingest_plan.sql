-- Postgres keeps the plan of a statement inside a function. One made while the log was short reads all of it to
-- see which rows of a batch it has, and would do so for ever; looking each row up by its id never costs more.
alter function public.ingest(jsonb) set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off;
