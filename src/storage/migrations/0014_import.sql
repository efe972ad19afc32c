-- Recordings that come from a file. Their rows keep ids, numbers and times as they were written, so what numbers and
-- stamps rows stands aside; and they come in many requests, so nobody sees a run before all of it is there.

-- An import under way. While its run stands here, policies hide it with all its rows; what is left of one that
-- nobody goes on with is taken away bit by bit.
create table stepscope.imports (
  test_run_id text primary key references public.test_execution_runs (test_run_id) on delete cascade,
  import_id uuid not null,
  stored bigint not null default 0,
  touched_at timestamptz not null default clock_timestamp()
);
alter table stepscope.imports enable row level security;
revoke all on stepscope.imports from public, anon, authenticated, service_role;

-- What a recording has beside the columns of ours: fields and whole rows of newer programs, and values that had to
-- change here, as the status of a run that went on elsewhere. An export puts them back.
create table public.imported_extras (
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  table_name text not null check (octet_length(table_name) between 1 and 200),
  -- The id of the row, or its hash; of a row of a table we do not have, its place in the file.
  row_key text not null check (octet_length(row_key) <= 400),
  -- Of rows of tables we do not have: the order in which they stood.
  place bigint not null default 0,
  fields jsonb not null,
  primary key (test_run_id, table_name, row_key)
);
alter table public.imported_extras enable row level security;
revoke all on public.imported_extras from public, anon, authenticated, service_role;
grant select on public.imported_extras to authenticated, service_role;
create policy service on public.imported_extras to service_role using (true) with check (true);

-- Definer, because nobody reads stepscope.imports. Asked once a statement, and the answer is almost always empty.
create function stepscope.unfinished_imports() returns text[] language sql stable security definer set search_path = '' as $$
  select coalesce(array_agg(test_run_id), '{}') from stepscope.imports
$$;

create policy admin_select on public.imported_extras for select to authenticated using ((select public.is_admin_user()));
do $$
declare
  name text;
begin
  foreach name in array array['test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs',
    'test_execution_commands', 'recorded_exchanges', 'approvals', 'comments', 'imported_extras']
  loop
    execute format('alter policy admin_select on public.%I using ((select public.is_admin_user()) and test_run_id <> all ((select stepscope.unfinished_imports())::text[]))', name);
  end loop;
end $$;

-- While import_rows() works, the triggers of these tables stand aside: what they would fill in, count and tell is in
-- the file, or told at the end. A client that sets this does not get past them, because import_rows() runs as the owner.
-- Only the run's own announcement stays: that is how people hear of it.
do $$
declare
  found record;
  aside text := $q$(current_setting('stepscope.importing', true) is distinct from 'on' or current_user in ('anon', 'authenticated', 'service_role'))$q$;
  definition text;
begin
  for found in
    select t.oid, t.tgname, c.relname from pg_catalog.pg_trigger t
    join pg_catalog.pg_class c on c.oid = t.tgrelid and c.relnamespace = 'public'::regnamespace
    join pg_catalog.pg_proc p on p.oid = t.tgfoid and p.pronamespace = 'stepscope'::regnamespace
    where not t.tgisinternal
      and c.relname in ('test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs',
        'test_execution_commands', 'recorded_exchanges', 'approvals', 'comments')
      and not (c.relname = 'test_execution_runs' and t.tgname = 'announce_update')
    order by c.relname, t.tgname
  loop
    definition := pg_catalog.pg_get_triggerdef(found.oid);
    if definition like '% WHEN (%' then
      definition := regexp_replace(definition, ' WHEN \((.*)\) EXECUTE FUNCTION ', ' WHEN (' || aside || ' and (\1)) EXECUTE FUNCTION ');
    else
      definition := replace(definition, ' EXECUTE FUNCTION ', ' WHEN (' || aside || ') EXECUTE FUNCTION ');
    end if;
    execute format('drop trigger %I on public.%I', found.tgname, found.relname);
    execute definition;
  end loop;
end $$;

-- An import that has not been heard of for this long may be taken up by another.
create function stepscope.import_patience() returns interval language sql immutable set search_path = '' as $$ select interval '30 seconds' $$;
-- Log rows that are taken away at a time.
create function stepscope.max_forgotten_rows() returns int language sql immutable set search_path = '' as $$ select 10000 $$;

-- Takes a bit of an import away; true when nothing of it is left. Called with the triggers aside.
create function stepscope.forget_import(run text) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  n int;
begin
  delete from public.test_execution_logs where ctid = any (array(
    select l.ctid from public.test_execution_logs l where l.test_run_id = run limit stepscope.max_forgotten_rows()));
  get diagnostics n = row_count;
  if n = stepscope.max_forgotten_rows() then return false; end if;
  delete from public.test_execution_runs where test_run_id = run;
  return true;
end $$;

-- For housekeeping: what nobody goes on with. Never waits, and takes away one bit of one import.
create function stepscope.forget_unfinished_imports() returns void language plpgsql security definer set search_path = '' as $$
declare
  run text;
begin
  select test_run_id into run from stepscope.imports
  where touched_at < clock_timestamp() - 10 * stepscope.import_patience() order by touched_at limit 1 for update skip locked;
  if run is null then return; end if;
  perform set_config('stepscope.importing', 'on', true);
  perform stepscope.forget_import(run);
  perform set_config('stepscope.importing', '', true);
end $$;

/*
One request of an import: {"run_id", "import_id", "do", …}, where `do` is

- `begin`: answers {"state"}: `ready` for rows; `here` when there is such a run; `busy` while somebody else imports it;
  `clearing` while an earlier import of it is taken away: ask again;
- `store`, with "rows": [{"table", "row"}, …], whole rows of the tables of a trace, and "extras": rows of imported_extras.
  What comes twice is stored once;
- `finish`, with "run": the run's row, and "stored": how many rows there were in all. From then on everybody sees it;
- `abandon`: the rest is taken away later.
*/
create function public.import_rows(batch jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  run text := batch ->> 'run_id';
  import uuid := (batch ->> 'import_id')::uuid;
  verb text := batch ->> 'do';
  state stepscope.imports;
  name text;
  n bigint;
  taken bigint := 0;
  last_seq bigint;
  parent text;
  set_list text;
begin
  perform stepscope.assert_admin_or_service();
  if run is null or import is null or verb is null then
    raise exception 'an import needs run_id, import_id and do' using errcode = '22023';
  end if;
  perform set_config('stepscope.importing', 'on', true);
  -- The run before everything else, as everywhere.
  perform from public.test_execution_runs where test_run_id = run for no key update;
  select * into state from stepscope.imports where test_run_id = run for update;

  if verb = 'begin' then
    if state.test_run_id is not null then
      if state.import_id <> import and state.touched_at > clock_timestamp() - stepscope.import_patience() then
        return jsonb_build_object('state', 'busy');
      end if;
      -- An earlier one, or our own whose answer was lost: begun anew either way. It is ours from here on.
      update stepscope.imports set import_id = import, touched_at = clock_timestamp() where test_run_id = run;
      if not stepscope.forget_import(run) then
        perform set_config('stepscope.importing', '', true);
        return jsonb_build_object('state', 'clearing');
      end if;
    elsif exists (select from public.test_execution_runs where test_run_id = run) then
      return jsonb_build_object('state', 'here');
    end if;
    perform stepscope.forget_unfinished_imports();
    perform set_config('stepscope.importing', 'on', true);
    -- Nobody's turn, so old that whoever is not held by policies finds it last, and not for cleanup, which would take
    -- all its rows at once.
    insert into public.test_execution_runs (test_run_id, status, bookmarked, seq, created_at, updated_at)
      values (run, 'interrupted', true, 0, 'epoch', 'epoch')
      on conflict (test_run_id) do nothing;
    insert into stepscope.imports (test_run_id, import_id) values (run, import);
    perform set_config('stepscope.importing', '', true);
    return jsonb_build_object('state', 'ready');
  end if;

  if state.import_id is distinct from import then
    raise exception 'the import of run % is not under way', run using errcode = 'PT409', hint = 'Import it again';
  end if;

  if verb = 'store' then
    for name in select distinct r ->> 'table' from jsonb_array_elements(coalesce(batch -> 'rows', '[]')) as r order by 1 loop
      if name not in ('test_execution_steps', 'snapshot_blobs', 'test_execution_snapshots', 'test_execution_logs', 'test_execution_commands',
        'recorded_exchanges', 'approvals', 'comments') then
        raise exception 'rows of % are not imported', name using errcode = '22023';
      end if;
      execute format('insert into public.%1$I
        select filled.* from jsonb_array_elements($1) as r cross join lateral jsonb_populate_record(null::public.%1$I, r -> ''row'') as filled
        where r ->> ''table'' = %1$L and filled.test_run_id = $2
        on conflict do nothing', name) using batch -> 'rows', run;
      get diagnostics n = row_count;
      taken := taken + n;
    end loop;
    insert into public.imported_extras (test_run_id, table_name, row_key, place, fields)
      select run, e.table_name, e.row_key, coalesce(e.place, 0), e.fields
      from jsonb_populate_recordset(null::public.imported_extras, coalesce(batch -> 'extras', '[]')) as e
      on conflict do nothing;
    update stepscope.imports i set stored = i.stored + taken, touched_at = clock_timestamp() where i.test_run_id = run;

  elsif verb = 'finish' then
    if state.stored <> (batch ->> 'stored')::bigint then
      raise exception 'of % rows % are new: others stand here under the same ids', batch ->> 'stored', state.stored
        using errcode = 'PT409', hint = 'Import a copy, with ids of its own';
    end if;
    select string_agg(format('%1$I = new.%1$I', attname), ', ') into set_list from pg_catalog.pg_attribute
      where attrelid = 'public.test_execution_runs'::regclass and attnum > 0 and not attisdropped and attname <> 'test_run_id' and batch -> 'run' ? attname;
    -- A fork whose parent is not here stands alone; an export names it again.
    parent := batch -> 'run' ->> 'parent_run_id';
    if parent is not null and not exists (select from public.test_execution_runs r where r.test_run_id = parent) then
      insert into public.imported_extras (test_run_id, table_name, row_key, fields)
        values (run, 'test_execution_runs', batch -> 'run' ->> 'id', jsonb_build_object('parent_run_id', parent))
        on conflict (test_run_id, table_name, row_key) do update set fields = imported_extras.fields || excluded.fields;
      batch := jsonb_set(batch, '{run,parent_run_id}', 'null');
    end if;
    execute format('update public.test_execution_runs r set %s from jsonb_populate_record(null::public.test_execution_runs, $1) as new where r.test_run_id = $2', set_list)
      using batch -> 'run', run;
    select greatest((batch -> 'run' ->> 'seq')::bigint,
      (select max(seq) from public.test_execution_steps where test_run_id = run),
      (select max(seq) from public.test_execution_logs where test_run_id = run),
      (select max(seq) from public.test_execution_commands where test_run_id = run)) into last_seq;
    insert into public.run_sequences (test_run_id, next_seq) values (run, coalesce(last_seq, 0) + 1);
    delete from stepscope.imports where test_run_id = run;
    perform stepscope.write_audit('run.import', 'test_execution_runs', run,
      jsonb_build_object('rows', state.stored, 'status', batch -> 'run' -> 'status', 'pipeline_key', batch -> 'run' -> 'pipeline_key'), batch ->> 'why');

  elsif verb = 'abandon' then
    update stepscope.imports set touched_at = '-infinity' where test_run_id = run;
    perform stepscope.forget_import(run);
  else
    raise exception 'an import does not know %', verb using errcode = '22023';
  end if;
  perform set_config('stepscope.importing', '', true);
  return jsonb_build_object('state', 'ok', 'stored', taken);
end $$;

-- Log rows after a number, for whoever reads all of a long log: as one value, which costs half of what rows cost. Not
-- more than stepscope.max_change_bytes() at a time, but one row always.
-- By the index in any case: of a limit that it does not know Postgres expects a tenth of the table, and sorts all of it.
create function public.run_logs(run_id text, after_seq bigint default 0, max_rows int default 1000) returns json
language sql stable security invoker set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off as $$
  with found as (
    select l as entry, l.seq from public.test_execution_logs l
    where l.test_run_id = run_id and l.seq > coalesce(after_seq, 0) order by l.seq limit least(greatest(1, coalesce(max_rows, 1000)), 1000)),
  placed as (
    select entry, seq, row_number() over (order by seq) as place, sum(pg_column_size(entry)) over (order by seq) as bytes from found),
  kept as (
    select * from placed where place = 1 or bytes <= stepscope.max_change_bytes())
  select json_build_object(
    'rows', coalesce((select json_agg(row_to_json(entry) order by seq) from kept), '[]'),
    'complete', (select count(*) from kept) = (select count(*) from found)
      and (select count(*) from found) < least(greatest(1, coalesce(max_rows, 1000)), 1000))
$$;
revoke all on function public.run_logs(text, bigint, int) from public, anon, authenticated, service_role;
grant execute on function public.run_logs(text, bigint, int) to authenticated, service_role;

revoke all on function stepscope.unfinished_imports(), stepscope.import_patience(), stepscope.max_forgotten_rows(), stepscope.forget_import(text),
  stepscope.forget_unfinished_imports(), public.import_rows(jsonb) from public, anon, authenticated, service_role;
-- What policies ask.
grant execute on function stepscope.unfinished_imports() to authenticated, service_role;
grant execute on function public.import_rows(jsonb) to authenticated, service_role;

select stepscope.remember_schema();
