-- Lines of a log that somebody wants to find again, with a note: one mark a line, whoever made it.

create table public.log_bookmarks (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  log_id uuid not null,
  -- Of the line, so that marks are read in the order of the log without it.
  seq bigint not null,
  note text not null default '' check (octet_length(note) <= 2000),
  author uuid,
  author_name text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (test_run_id, log_id)
);

create function stepscope.max_log_bookmarks() returns int language sql immutable set search_path = '' as $$ select 1000 $$;

-- Which line is marked is said once. The name is that of whoever wrote the note as it stands, and nobody signs with another's.
create function stepscope.before_log_bookmark() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.author := coalesce(auth.uid(), new.author);
  new.author_name := coalesce(auth.email(), new.author_name);
  if tg_op = 'UPDATE' then
    new.test_run_id := old.test_run_id;
    new.log_id := old.log_id;
    new.seq := old.seq;
    new.created_at := old.created_at;
    return new;
  end if;
  new.seq := coalesce((select l.seq from public.test_execution_logs l where l.id = new.log_id and l.test_run_id = new.test_run_id), new.seq);
  -- One at a time, or two people pass the limit together.
  perform pg_advisory_xact_lock(hashtextextended('stepscope.log_bookmarks:' || new.test_run_id, 0));
  if (select count(*) from public.log_bookmarks b where b.test_run_id = new.test_run_id and b.log_id <> new.log_id) >= stepscope.max_log_bookmarks() then
    raise exception 'a run has at most % marked lines', stepscope.max_log_bookmarks() using errcode = 'PT409', hint = 'Remove some that nobody needs';
  end if;
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.note := coalesce(new.note, '');
  new.created_at := coalesce(new.created_at, now());
  new.updated_at := now();
  return new;
end $$;
revoke all on function stepscope.max_log_bookmarks(), stepscope.before_log_bookmark() from public, anon, authenticated, service_role;

alter table public.log_bookmarks enable row level security;
revoke all on public.log_bookmarks from public, anon, authenticated, service_role;
grant select, insert, update, delete on public.log_bookmarks to authenticated, service_role;
create policy service on public.log_bookmarks to service_role using (true) with check (true);
create policy admin_select on public.log_bookmarks for select to authenticated
  using ((select public.is_admin_user()));
create policy admin_insert on public.log_bookmarks for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.log_bookmarks for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));
create policy admin_delete on public.log_bookmarks for delete to authenticated using ((select public.is_admin_user()));

-- All of them stand aside while a recording is imported, as those of the other tables of a trace.
do $$
declare
  aside text := $q$current_setting('stepscope.importing', true) is distinct from 'on' or current_user in ('anon', 'authenticated', 'service_role')$q$;
begin
  execute format('create trigger before_log_bookmark before insert or update on public.log_bookmarks
    for each row when (%s) execute function stepscope.before_log_bookmark()', aside);
  execute format('create trigger touch before update on public.log_bookmarks for each row when (%s) execute function stepscope.touch()', aside);
  execute format('create trigger announce_insert after insert on public.log_bookmarks referencing new table as changed
    for each statement when (%s) execute function stepscope.announce(%L, %L, %L)', aside, 'id', 'test_run_id', '');
  execute format('create trigger announce_update after update on public.log_bookmarks referencing old table as before new table as changed
    for each statement when (%s) execute function stepscope.announce(%L, %L, %L)', aside, 'id', 'test_run_id', '');
  execute format('create trigger announce_delete after delete on public.log_bookmarks referencing old table as removed
    for each statement when (%s) execute function stepscope.announce_delete(%L)', aside, 'test_run_id');
  execute format('create constraint trigger audit after insert or update or delete on public.log_bookmarks deferrable initially deferred
    for each row when (%s) execute function stepscope.audit(%L, %L, %L)', aside, 'log_bookmark', 'id', 'test_run_id,log_id,note,author_name');
  if exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables)
    and not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = 'log_bookmarks') then
    alter publication supabase_realtime add table public.log_bookmarks;
  end if;
end $$;

-- As before, with one more table.
create or replace function public.import_rows(batch jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
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
        'recorded_exchanges', 'approvals', 'comments', 'log_bookmarks') then
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

-- Marks that a newer program wrote into a file, and that an import before this migration could only keep as they were.
do $$
declare
  kept record;
begin
  for kept in select test_run_id, row_key, fields from public.imported_extras where table_name = 'log_bookmarks' loop
    begin
      perform set_config('stepscope.importing', 'on', true);
      insert into public.log_bookmarks select (jsonb_populate_record(null::public.log_bookmarks, kept.fields)).* on conflict do nothing;
      delete from public.imported_extras where test_run_id = kept.test_run_id and table_name = 'log_bookmarks' and row_key = kept.row_key;
    exception when data_exception or integrity_constraint_violation then
      raise warning 'a marked line of run % cannot be read and stays where it is', kept.test_run_id;
    end;
  end loop;
  perform set_config('stepscope.importing', '', true);
end $$;

-- Pages of a log cost what they hold, also of a run with a million lines.

-- What `<> all` of a list lets through, Postgres estimates from how common the values are: of a table that one run fills,
-- nothing. Then it reads all of the run and sorts it for each page. Of coalesce() it expects half, and goes by the index.
do $$
declare
  name text;
begin
  foreach name in array array['test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs',
    'test_execution_commands', 'recorded_exchanges', 'approvals', 'comments', 'imported_extras', 'log_bookmarks']
  loop
    execute format('alter policy admin_select on public.%I using ((select public.is_admin_user()) and coalesce(test_run_id <> all ((select stepscope.unfinished_imports())::text[]), false))', name);
  end loop;
end $$;

-- As before, but that the number to begin after is a value by itself (behind a policy no index is asked with an
-- expression that might tell what it was given), and that nothing is compiled: sorting counts as dear here, so Postgres
-- compiled for a second what runs for 20 ms.
create or replace function public.run_logs(run_id text, after_seq bigint default 0, max_rows int default 1000) returns json
language sql stable security invoker set search_path = '' set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off as $$
  with found as (
    select l as entry, l.seq from public.test_execution_logs l
    where l.test_run_id = run_id and l.seq > (select coalesce(after_seq, 0)) order by l.seq limit least(greatest(1, coalesce(max_rows, 1000)), 1000)),
  placed as (
    select entry, seq, row_number() over (order by seq) as place, sum(pg_column_size(entry)) over (order by seq) as bytes from found),
  kept as (
    select * from placed where place = 1 or bytes <= stepscope.max_change_bytes())
  select json_build_object(
    'rows', coalesce((select json_agg(row_to_json(entry) order by seq) from kept), '[]'),
    'complete', (select count(*) from kept) = (select count(*) from found)
      and (select count(*) from found) < least(greatest(1, coalesce(max_rows, 1000)), 1000))
$$;

alter function public.run_changes(text, bigint, int) set jit = off;

select stepscope.remember_schema();
