-- Who may hear that a row is gone? Whoever could see it. So a deleted row is kept for a moment, and the server
-- asks the table's own policies about it. The announcement names the kept rows by their ids.

create table stepscope.deleted_rows (
  id bigint generated always as identity primary key,
  table_name text not null,
  image jsonb not null,
  at timestamptz not null default clock_timestamp()
);
create index deleted_rows_by_age on stepscope.deleted_rows (at);
alter table stepscope.deleted_rows enable row level security;
revoke all on stepscope.deleted_rows from public, anon, authenticated, service_role;

-- What was deleted is to be gone: the servers need it for as long as a notification travels.
create function stepscope.deleted_rows_age() returns interval language sql immutable set search_path = '' as $$ select interval '1 minute' $$;
create function stepscope.max_deleted_rows() returns int language sql immutable set search_path = '' as $$ select 10000 $$;

-- Rows of one table that one transaction may delete and have told one by one. Each counts for 4 kB at least, so
-- that this bounds their number too: 1,024.
create function stepscope.max_told_bytes() returns int language sql immutable set search_path = '' as $$ select 4 * 1024 * 1024 $$;

-- Never waits: two that tidy up at once share the work.
create function stepscope.forget_deleted_rows() returns void language sql security definer set search_path = '' as $$
  delete from stepscope.deleted_rows where id in (
    select id from stepscope.deleted_rows
    where at < clock_timestamp() - stepscope.deleted_rows_age()
      or id <= (select max(id) from stepscope.deleted_rows) - stepscope.max_deleted_rows()
    order by id limit 5000 for update skip locked)
$$;

-- Argument: the column of the run, or ''. What is too much to be told one by one is told as one: `untold`.
create function stepscope.announce_delete() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  spent_setting text := 'stepscope.told_' || tg_table_name;
  spent bigint := coalesce(nullif(current_setting(spent_setting, true), '')::bigint, 0);
  left_over bigint := stepscope.max_told_bytes() - spent;
  told bigint := 0;
  part record;
begin
  for part in
    with images as materialized (
      select to_jsonb(r) as image from (select * from removed limit left_over / 4096) r),
    sized as (
      select image, greatest(octet_length(image::text), 4096) as bytes from images),
    kept as (
      insert into stepscope.deleted_rows (table_name, image)
      select tg_table_name, image from (select image, sum(bytes) over (rows unbounded preceding) as so_far from sized) as counted
      where so_far <= left_over
      returning id, image),
    placed as (
      select id, image, image ->> tg_argv[0] as run, (row_number() over (partition by image ->> tg_argv[0] order by id) - 1) / 100 as hundred
      from kept)
    select run, json_agg(id order by id) as ids, count(*) as n, sum(greatest(octet_length(image::text), 4096)) as bytes
    from placed group by run, hundred order by min(id)
  loop
    perform pg_notify('stepscope_changes', (jsonb_strip_nulls(jsonb_build_object(
      'op', tg_op, 'table', tg_table_name, 'run', part.run)) || jsonb_build_object('deleted', part.ids))::text);
    told := told + part.n;
    spent := spent + part.bytes;
  end loop;
  if told > 0 then
    perform set_config(spent_setting, spent::text, true);
    perform stepscope.forget_deleted_rows();
  end if;
  if exists (select from removed offset told) then
    perform pg_notify('stepscope_changes', json_build_object('op', tg_op, 'table', tg_table_name, 'untold', true)::text);
  end if;
  return null;
end $$;

revoke all on function stepscope.deleted_rows_age(), stepscope.max_deleted_rows(), stepscope.max_told_bytes(),
  stepscope.forget_deleted_rows(), stepscope.announce_delete() from public, anon, authenticated, service_role;

-- Jobs and the ledger are followed too: by those whose they are.
do $$
declare
  published record;
begin
  for published in
    select * from (values
      ('test_execution_runs', 'test_run_id'),
      ('test_execution_steps', 'test_run_id'),
      ('test_execution_logs', 'test_run_id'),
      ('test_execution_commands', 'test_run_id'),
      ('breakpoints', ''),
      ('pipelines', ''),
      ('runners', ''),
      ('jobs', ''),
      ('credit_ledger', '')) as t (name, run)
  loop
    execute format('drop trigger if exists announce_delete on public.%I', published.name);
    execute format('create trigger announce_delete after delete on public.%I referencing old table as removed
      for each statement execute function stepscope.announce_delete(%L)', published.name, published.run);
    if published.name not in ('jobs', 'credit_ledger') then continue; end if;
    execute format('create trigger announce_insert after insert on public.%I referencing new table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, 'id', '', '');
    execute format('create trigger announce_update after update on public.%I referencing old table as before new table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, 'id', '', '');
  end loop;
end $$;

-- A hosted project has its own Realtime, which follows this publication.
do $$
declare
  name text;
begin
  if not exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables) then return; end if;
  foreach name in array array['jobs', 'credit_ledger'] loop
    if not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = name) then
      execute format('alter publication supabase_realtime add table public.%I', name);
    end if;
  end loop;
end $$;
