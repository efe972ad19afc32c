-- Changes are announced on the channel `stepscope_changes`; `src/ARCHITECTURE.md` has the shapes. A payload
-- of NOTIFY must stay below 8,000 bytes, so it names rows and never carries them.

-- Log rows never change, so a range of numbers names them. New ones are counted on the way.
create function stepscope.announce_logs() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  part record;
begin
  for part in
    select test_run_id, min(first) as first, max(last) as last, jsonb_object_agg(log_level, n) as counts
    from (select test_run_id, log_level, min(seq) as first, max(seq) as last, count(*) as n from changed group by test_run_id, log_level) as by_level
    group by test_run_id order by test_run_id
  loop
    perform pg_notify('stepscope_changes', json_build_object(
      'op', tg_op, 'table', tg_table_name, 'run', part.test_run_id, 'from', part.first, 'to', part.last)::text);
    if tg_op = 'INSERT' then
      update public.test_execution_runs r set log_counts = r.log_counts || (
        select jsonb_object_agg(key, value::bigint + coalesce((r.log_counts ->> key)::bigint, 0)) from jsonb_each(part.counts))
      where r.test_run_id = part.test_run_id;
    end if;
  end loop;
  return null;
end $$;

-- A run is updated often and alone; its row says by itself whether there is news.
create function stepscope.announce_run() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform pg_notify('stepscope_changes', json_build_object(
    'op', tg_op, 'table', tg_table_name, 'run', new.test_run_id, 'keys', json_build_array(json_build_object('id', new.id)))::text);
  return null;
end $$;
create trigger announce_update after update on public.test_execution_runs
  for each row when (old.seq is distinct from new.seq) execute function stepscope.announce_run();

-- Arguments: the primary key's columns; the column of the run, or ''; the column without whose change an
-- update is no news, or ''.
create function stepscope.announce() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  key_list text := (select string_agg(format('%L, c.%I', name, name), ', ') from unnest(string_to_array(tg_argv[0], ',')) as name);
  run_of text := case when tg_argv[1] = '' then 'null::text' else format('c.%I', tg_argv[1]) end;
  rows_of text := 'changed c';
  part record;
begin
  if tg_op = 'UPDATE' and tg_argv[2] <> '' then
    rows_of := format('changed c join before b on (c.%1$I = b.%1$I) where c.%2$I is distinct from b.%2$I', tg_argv[0], tg_argv[2]);
  end if;
  -- Up to 100 keys a message, fewer when they are long.
  for part in execute format($q$
    with keyed as (select %2$s as run, json_build_object(%1$s) as key from %3$s),
    placed as (
      select run, key, (row_number() over w - 1) / 100 as hundred, sum(octet_length(key::text) + 2) over w / 6000 as share
      from keyed window w as (partition by run order by key::text rows unbounded preceding))
    select run, json_agg(key) as keys from placed group by run, hundred, share order by run, hundred, share
  $q$, key_list, run_of, rows_of)
  loop
    perform pg_notify('stepscope_changes', (jsonb_strip_nulls(jsonb_build_object(
      'op', tg_op, 'table', tg_table_name, 'run', part.run)) || jsonb_build_object('keys', part.keys))::text);
  end loop;
  return null;
end $$;
revoke all on function stepscope.announce_logs(), stepscope.announce_run(), stepscope.announce() from public, anon, authenticated, service_role;

create trigger announce_insert after insert on public.test_execution_logs
  referencing new table as changed for each statement execute function stepscope.announce_logs();
create trigger announce_delete after delete on public.test_execution_logs
  referencing old table as changed for each statement execute function stepscope.announce_logs();

do $$
declare
  published record;
begin
  for published in
    select * from (values
      ('test_execution_runs', 'id', 'test_run_id', 'seq'),
      ('test_execution_steps', 'id', 'test_run_id', 'seq'),
      ('test_execution_commands', 'id', 'test_run_id', 'seq'),
      ('breakpoints', 'id', '', ''),
      ('pipelines', 'pipeline_key', '', ''),
      ('runners', 'id', '', '')) as t (name, keys, run, news)
  loop
    execute format('create trigger announce_insert after insert on public.%I referencing new table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, published.keys, published.run, published.news);
    execute format('create trigger announce_delete after delete on public.%I referencing old table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, published.keys, published.run, published.news);
    if published.name = 'test_execution_runs' then continue; end if;
    execute format('create trigger announce_update after update on public.%I referencing old table as before new table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, published.keys, published.run, published.news);
  end loop;
end $$;

-- A hosted project has its own Realtime, which follows this publication.
do $$
declare
  name text;
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime') then return; end if;
  foreach name in array array['test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_commands',
    'breakpoints', 'pipelines', 'runners']
  loop
    if not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = name) then
      execute format('alter publication supabase_realtime add table public.%I', name);
    end if;
  end loop;
end $$;
