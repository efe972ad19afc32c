-- The audit log as a chain: each row carries the hash of the one before it, and a head outside the table
-- remembers the last. What is changed, taken out of the middle or cut off the end shows in verify_audit_log().
-- Whoever owns the database can rewrite rows, chain and head together; against them only a head kept elsewhere helps.

-- Nothing that `anon`, `authenticated` or `service_role` may touch; row-level security says so twice.
create table stepscope.audit_head (
  one boolean primary key default true check (one),
  rows bigint not null,
  last_id bigint not null,
  hash text not null
);
alter table stepscope.audit_head enable row level security;
revoke all on stepscope.audit_head from public, anon, authenticated, service_role;

alter table public.audit_log
  add column actor_name text,
  add column reason text,
  add column address text,
  add column prev_hash text,
  add column hash text,
  -- Numbers come from the head: without gaps, and in the order of commits.
  alter column id drop identity;

-- What the first row follows.
create function stepscope.audit_genesis() returns text language sql immutable as $$ select pg_catalog.repeat('0', 64) $$;

-- Of the row's columns in a fixed order and spelling, whatever the session's time zone is.
create function stepscope.audit_hash(entry public.audit_log) returns text language sql stable as $$
  select pg_catalog.encode(pg_catalog.sha256(pg_catalog.convert_to(entry.prev_hash || pg_catalog.jsonb_build_array(
    entry.id, pg_catalog.to_char(entry.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US'), entry.actor, entry.actor_role, entry.actor_name,
    entry.action, entry.target_table, entry.target_id, entry.details, entry.reason, entry.address)::text, 'UTF8')), 'hex')
$$;

-- Rows of older versions are chained as they are found.
do $$
declare
  entry public.audit_log;
  last_hash text := stepscope.audit_genesis();
  last_number bigint := 0;
  n bigint := 0;
begin
  alter table public.audit_log disable trigger append_only;
  for entry in select * from public.audit_log order by id loop
    entry.prev_hash := last_hash;
    last_hash := stepscope.audit_hash(entry);
    last_number := entry.id;
    n := n + 1;
    update public.audit_log set prev_hash = entry.prev_hash, hash = last_hash where id = entry.id;
  end loop;
  insert into stepscope.audit_head (rows, last_id, hash) values (n, last_number, last_hash);
end $$;
alter table public.audit_log alter column prev_hash set not null, alter column hash set not null;
alter table public.audit_log enable trigger append_only;

-- One row after the other: the head is locked until the commit. It is the last lock a transaction takes, because
-- the rows below are written when it commits; so nobody who holds it waits for anybody else. Plans are kept: one
-- made while the log was short would read all of it for ever, so they go by the index.
create function stepscope.chain_audit() returns trigger language plpgsql security definer
set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
declare
  head stepscope.audit_head;
  last public.audit_log;
begin
  select * into strict head from stepscope.audit_head for update;
  -- The row after the head is of this transaction. Where rows were cut off the end there is none, and the next one
  -- goes on from the head, so that the gap stays to be seen.
  select * into last from public.audit_log a where a.id > head.last_id order by a.id desc limit 1;
  new.id := coalesce(last.id, head.last_id) + 1;
  new.at := clock_timestamp();
  new.prev_hash := coalesce(last.hash, head.hash);
  new.hash := stepscope.audit_hash(new);
  return new;
end $$;
create trigger chain before insert on public.audit_log for each row execute function stepscope.chain_audit();

-- Once a transaction, however many rows it wrote: a row that is changed again and again gets slower to find.
create function stepscope.move_audit_head() returns trigger language plpgsql security definer
set search_path = '' set enable_seqscan = off set enable_bitmapscan = off as $$
begin
  update stepscope.audit_head h set rows = h.rows + added.n, last_id = added.last_id, hash = added.hash
  from (select count(*) as n, max(id) as last_id, (array_agg(a.hash order by a.id desc))[1] as hash
    from public.audit_log a where a.id > (select last_id from stepscope.audit_head)) as added
  where added.n > 0;
  return null;
end $$;
create constraint trigger move_head after insert on public.audit_log deferrable initially deferred
  for each row execute function stepscope.move_audit_head();

-- A row about whoever is asking. The server puts the address and the reason a request came with into its claims;
-- elsewhere the setting `stepscope.reason` may say why.
create function stepscope.write_audit(did text, target text, target_key text, facts jsonb, why text) returns void
language plpgsql security definer set search_path = '' as $$
declare
  claims jsonb := coalesce(auth.jwt(), '{}');
begin
  insert into public.audit_log (actor, actor_role, actor_name, action, target_table, target_id, details, reason, address)
  values (auth.uid(), coalesce(nullif(current_setting('role', true), 'none'), session_user), auth.email(), did, target, target_key, facts,
    left(coalesce(why, nullif(current_setting('stepscope.reason', true), ''), claims ->> 'stepscope_reason'), 500),
    claims ->> 'stepscope_address');
end $$;

-- The log is for ever: of a value of more bytes than this it keeps the size and the hash.
create function stepscope.max_audit_bytes() returns int language sql immutable as $$ select 2048 $$;

-- Arguments as before: what the row is called in an action, the column that names it, the columns worth keeping.
create or replace function stepscope.audit() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  subject jsonb := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
  kept jsonb;
begin
  select coalesce(jsonb_object_agg(key, case when octet_length(value::text) <= stepscope.max_audit_bytes() then value
    else jsonb_build_object('bytes', octet_length(value::text), 'sha256', encode(sha256(convert_to(value::text, 'UTF8')), 'hex')) end), '{}') into kept
  from jsonb_each(subject) where key = any (string_to_array(tg_argv[2], ','));
  perform stepscope.write_audit(tg_argv[0] || '.' || lower(tg_op), tg_table_name, subject ->> tg_argv[1], kept,
    coalesce(subject ->> 'reason', case when tg_op = 'INSERT' then subject -> 'payload' ->> 'reason' end));
  return null;
end $$;

-- Deferred, so that the head is locked last and not for long.
drop trigger audit on public.test_execution_runs;
drop trigger audit_marks on public.test_execution_runs;
drop trigger audit on public.test_execution_commands;
drop trigger audit on public.breakpoints;
drop trigger audit on public.user_roles;
drop trigger audit on public.models;
create constraint trigger audit after insert or delete on public.test_execution_runs deferrable initially deferred
  for each row execute function stepscope.audit('run', 'test_run_id', 'pipeline_key,parent_run_id,forked_from_step,model_name,mode,billing,status');
create constraint trigger audit_marks after update on public.test_execution_runs deferrable initially deferred
  for each row when (row (old.bookmarked, old.bookmark_name, old.tags, old.notes) is distinct from row (new.bookmarked, new.bookmark_name, new.tags, new.notes))
  execute function stepscope.audit('run', 'test_run_id', 'bookmarked,bookmark_name,tags,notes');
create constraint trigger audit after insert on public.test_execution_commands deferrable initially deferred
  for each row execute function stepscope.audit('command', 'id', 'test_run_id,verb,payload,sender_name,state,reason');
create constraint trigger audit_settled after update of state on public.test_execution_commands deferrable initially deferred
  for each row when (old.state is distinct from new.state)
  execute function stepscope.audit('command', 'id', 'test_run_id,verb,state,reason');
create constraint trigger audit after insert or update or delete on public.breakpoints deferrable initially deferred
  for each row execute function stepscope.audit('breakpoint', 'id', 'pipeline_key,number,kind,target,enabled');
create constraint trigger audit after insert or update or delete on public.user_roles deferrable initially deferred
  for each row execute function stepscope.audit('role', 'user_id', 'role');
create constraint trigger audit after insert or update or delete on public.models deferrable initially deferred
  for each row execute function stepscope.audit('model', 'model_record_id', 'model_name,provider_ref,cost_credits,is_active');

-- Written before a run is read out: an export that nobody wrote down is none.
create function public.record_export(run_id text, why text default null) returns void language plpgsql security definer set search_path = '' as $$
begin
  perform stepscope.assert_admin_or_service();
  if not exists (select from public.test_execution_runs r where r.test_run_id = run_id) then
    raise exception 'no run %', run_id using errcode = 'PT404';
  end if;
  perform stepscope.write_audit('run.export', 'test_execution_runs', run_id, '{}', why);
end $$;

-- {ok, rows, head, first_broken_id?, reason?}. `head` is worth keeping elsewhere.
create function public.verify_audit_log() returns jsonb language plpgsql stable security definer set search_path = '' as $$
declare
  found jsonb;
begin
  perform stepscope.assert_admin_or_service();
  with checked as (
    select a.id, a.hash, case
        when a.hash is distinct from stepscope.audit_hash(a) then 'this row was changed'
        when a.prev_hash is distinct from lag(a.hash, 1, stepscope.audit_genesis()) over (order by a.id)
          then 'this row does not follow the one before it: something between them was changed or removed' end as problem
    from public.audit_log a),
  first_problem as (select id, problem from checked where problem is not null order by id limit 1),
  stored as (select count(*) as n, coalesce(max(id), 0) as last_id, (select hash from checked order by id desc limit 1) as last_hash from checked),
  verdict as (
    select s.n, h.hash, coalesce(p.id, case when h.last_id > s.last_id then s.last_id + 1 else s.last_id end) as broken_id,
      coalesce(p.problem, case
        when h.one is null then 'the head of the chain is gone'
        when h.last_id > s.last_id then 'rows were removed from the end'
        when h.rows <> s.n or h.last_id <> s.last_id or h.hash <> coalesce(s.last_hash, stepscope.audit_genesis())
          then 'the head of the chain is not that of the last row' end) as problem
    from stored s left join stepscope.audit_head h on true left join first_problem p on true)
  select jsonb_strip_nulls(jsonb_build_object('ok', problem is null, 'rows', n, 'head', hash,
    'first_broken_id', case when problem is not null then broken_id end, 'reason', problem)) into found from verdict;
  return found;
end $$;

revoke all on function stepscope.audit_genesis(), stepscope.audit_hash(public.audit_log), stepscope.chain_audit(), stepscope.move_audit_head(),
  stepscope.write_audit(text, text, text, jsonb, text), stepscope.max_audit_bytes(), public.record_export(text, text),
  public.verify_audit_log() from public, anon, authenticated, service_role;
grant execute on function public.record_export(text, text), public.verify_audit_log() to authenticated, service_role;
