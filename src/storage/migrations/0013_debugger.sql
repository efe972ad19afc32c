-- What debugging needs beyond pausing: breakpoints of every kind, watches, what a run said to the outside world
-- and heard from it, who holds a pause, and what people say to each other about a run.

alter table public.breakpoints
  drop constraint breakpoints_kind_check,
  add constraint breakpoints_kind_check check (kind in ('step', 'error', 'level', 'slow', 'cost', 'path')),
  add column moment text not null default 'before' check (moment in ('before', 'after')),
  add column condition text check (octet_length(condition) between 1 and 2000),
  add column hit_condition text check (octet_length(hit_condition) between 1 and 40),
  add column log_message text check (octet_length(log_message) between 1 and 2000),
  add column level text check (level in ('debug', 'info', 'warn', 'error', 'critical')),
  add column path text check (octet_length(path) <= 1000),
  add column threshold double precision check (threshold >= 0),
  add column needs_approval boolean not null default false;

alter table public.test_execution_commands
  drop constraint test_execution_commands_verb_check,
  add constraint test_execution_commands_verb_check
    check (verb in ('pause', 'continue', 'next', 'stepIn', 'stepOut', 'runTo', 'cancel', 'edit', 'lease', 'take', 'approve', 'reject'));

-- Can a run of it be taken up by another process at the step it is held before?
alter table public.pipelines add column resumable boolean not null default false;
alter table public.test_execution_runs add column resumable boolean not null default false;

create table public.watches (
  id uuid primary key default stepscope.uuid_v7(),
  pipeline_key text not null check (octet_length(pipeline_key) between 1 and 200),
  number int not null check (number > 0),
  expression text not null check (octet_length(expression) between 1 and 2000),
  created_by uuid default auth.uid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (pipeline_key, number)
);

-- In the order in which they were begun. A body that is large lies in snapshot_blobs, under its hash.
create table public.recorded_exchanges (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  step_key text check (octet_length(step_key) <= 400),
  attempt int check (attempt > 0),
  ordinal int not null check (ordinal >= 0),
  kind text not null check (kind in ('provider', 'database', 'storage', 'fetch', 'webhook', 'value')),
  method text,
  url text,
  request jsonb,
  status int,
  response jsonb,
  error text,
  started_at timestamptz,
  duration_ms double precision,
  created_at timestamptz not null default now(),
  unique (test_run_id, ordinal)
);

-- Whose pause it is, and until when their terminal has been heard of.
create table public.run_leases (
  test_run_id text primary key references public.test_execution_runs (test_run_id) on delete cascade,
  owner uuid default auth.uid(),
  owner_name text not null check (octet_length(owner_name) between 1 and 400),
  terminal text not null check (octet_length(terminal) between 1 and 200),
  taken_at timestamptz not null default now(),
  expires_at timestamptz not null
);

create table public.debug_sessions (
  id uuid primary key default stepscope.uuid_v7(),
  session_name text not null check (octet_length(session_name) between 1 and 400),
  description text,
  filters jsonb not null default '{}',
  scope jsonb not null default '{}',
  test_run_id text references public.test_execution_runs (test_run_id) on delete set null,
  event_count int not null default 0 check (event_count >= 0),
  insight_count int not null default 0 check (insight_count >= 0),
  query_count int not null default 0 check (query_count >= 0),
  active boolean not null default true,
  resolved boolean not null default false,
  created_by uuid default auth.uid(),
  created_by_name text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  closed_at timestamptz
);
create index sessions_newest on public.debug_sessions (created_at desc);
create index sessions_by_run on public.debug_sessions (test_run_id) where test_run_id is not null;

create table public.comments (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  step_key text check (octet_length(step_key) <= 400),
  log_id uuid,
  path text check (octet_length(path) <= 1000),
  body text not null check (octet_length(body) between 1 and 10000),
  resolved boolean not null default false,
  author uuid,
  author_name text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index comments_by_run on public.comments (test_run_id, created_at);

-- One for each time a run waits for a yes. The run's holder writes it when it begins to wait and when it was decided.
create table public.approvals (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  step_key text not null check (octet_length(step_key) <= 400),
  attempt int not null default 1 check (attempt > 0),
  title text not null check (octet_length(title) between 1 and 1000),
  state text not null default 'waiting' check (state in ('waiting', 'approved', 'rejected', 'withdrawn')),
  decided_by uuid,
  decided_by_name text,
  decided_at timestamptz,
  reason text,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (test_run_id, step_key, attempt)
);

-- Tests made from runs that failed, or were worth keeping. Whoever knows only the seed's columns can insert with theirs.
create table public.auto_generated_tests (
  id uuid primary key default stepscope.uuid_v7(),
  test_name text not null check (octet_length(test_name) between 1 and 400),
  test_type text not null default 'regression',
  test_prompt text,
  expected_behavior jsonb not null default '{}',
  framework text,
  confidence_score numeric not null default 75 check (confidence_score between 0 and 100),
  run_count int not null default 0 check (run_count >= 0),
  pass_count int not null default 0 check (pass_count >= 0),
  fail_count int not null default 0 check (fail_count >= 0),
  tags text[] not null default '{}',
  metadata jsonb not null default '{}',
  is_active boolean not null default true,
  last_run_at timestamptz,
  fingerprint text,
  source_run_id text references public.test_execution_runs (test_run_id) on delete set null,
  pipeline_key text,
  params jsonb not null default '{}',
  created_by uuid default auth.uid(),
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create index tests_active on public.auto_generated_tests (confidence_score desc) where is_active;
create unique index tests_by_name on public.auto_generated_tests (test_name);
create index tests_by_run on public.auto_generated_tests (source_run_id) where source_run_id is not null;

-- Numbers as breakpoints have them.
create function stepscope.before_watch() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  perform pg_advisory_xact_lock(hashtextextended('stepscope.watches:' || new.pipeline_key, 0));
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.number := 1 + coalesce((select max(number) from public.watches where pipeline_key = new.pipeline_key), 0);
  new.created_by := coalesce(auth.uid(), new.created_by);
  new.created_at := coalesce(new.created_at, now());
  new.updated_at := now();
  return new;
end $$;
create trigger before_watch before insert on public.watches for each row execute function stepscope.before_watch();

-- Nobody signs with another's name.
create function stepscope.before_comment() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  if tg_op = 'UPDATE' then
    new.author := old.author;
    new.author_name := old.author_name;
    return new;
  end if;
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.author := coalesce(auth.uid(), new.author);
  new.author_name := coalesce(auth.email(), new.author_name);
  new.resolved := coalesce(new.resolved, false);
  new.created_at := coalesce(new.created_at, now());
  new.updated_at := now();
  return new;
end $$;
create trigger before_comment before insert or update on public.comments for each row execute function stepscope.before_comment();

create function stepscope.before_session() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.created_by := coalesce(auth.uid(), new.created_by);
  new.created_by_name := coalesce(auth.email(), new.created_by_name);
  return new;
end $$;
create trigger before_session before insert on public.debug_sessions for each row execute function stepscope.before_session();

create trigger touch before update on public.watches for each row execute function stepscope.touch();
create trigger touch before update on public.debug_sessions for each row execute function stepscope.touch();
create trigger touch before update on public.comments for each row execute function stepscope.touch();
create trigger touch before update on public.approvals for each row execute function stepscope.touch();
create trigger touch before update on public.auto_generated_tests for each row execute function stepscope.touch();

create or replace function public.ingest(batch jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  run text := batch ->> 'run_id';
  holder text := batch ->> 'holder_id';
  fields jsonb := coalesce(batch -> 'run', '{}');
  known boolean;
  held_by text;
  heard_at timestamptz;
  set_list text;
  name_list text;
  base bigint;
  top bigint;
  n int;
  stored int := 0;
  sent int;
begin
  if run is null or holder is null then
    raise exception 'a batch needs run_id and holder_id' using errcode = '22023';
  end if;

  select true, holder_id, holder_heartbeat_at into known, held_by, heard_at from public.test_execution_runs where test_run_id = run for no key update;
  if known and held_by is distinct from holder and held_by is not null then
    raise exception 'holder_lost' using errcode = 'PT409', detail = format('run %s is held by %s', run, held_by);
  end if;
  if not coalesce(known, false) and not batch ? 'run' then
    raise exception 'no run %', run using errcode = 'PT404', hint = 'The first batch of a run carries its row.';
  end if;

  -- Of the run's row only the columns that were sent. Others keep what people wrote meanwhile.
  fields := fields - array['id', 'test_run_id', 'seq', 'created_at', 'updated_at', 'log_counts', 'holder_id', 'holder_heartbeat_at'];
  if not coalesce(known, false) then
    fields := fields || jsonb_build_object('test_run_id', run, 'holder_id', holder, 'holder_heartbeat_at', now())
      || jsonb_strip_nulls(jsonb_build_object('id', batch -> 'run' ->> 'id'));
    select string_agg(quote_ident(attname), ', ') into name_list from pg_catalog.pg_attribute
      where attrelid = 'public.test_execution_runs'::regclass and attnum > 0 and not attisdropped and fields ? attname;
    execute format('insert into public.test_execution_runs (%1$s) select %1$s from jsonb_populate_record(null::public.test_execution_runs, $1)', name_list)
      using fields;
  end if;

  -- Snapshots and blobs first: who hears of a step finds its state there.
  if batch ? 'blobs' then
    insert into public.snapshot_blobs (test_run_id, hash, encoding, body, bytes)
    select run, b.hash, b.encoding, b.body, coalesce(b.bytes, 0) from jsonb_populate_recordset(null::public.snapshot_blobs, batch -> 'blobs') as b
    on conflict (test_run_id, hash) do nothing;
    get diagnostics n = row_count;
    stored := stored + n;
  end if;

  if batch ? 'snapshots' then
    insert into public.test_execution_snapshots as s (
      id, test_run_id, step_key, step_number, step_name, attempt, state_before, state_after, inputs, outputs, source_code, source_line,
      highlight_from, highlight_to, function_name, file_path, can_edit, can_rerun, is_edited, started_at, completed_at, duration_ms)
    select id, run, step_key, step_number, step_name, attempt, state_before, state_after, inputs, outputs, source_code, source_line,
      highlight_from, highlight_to, function_name, file_path, can_edit, can_rerun, is_edited, started_at, completed_at, duration_ms
    from jsonb_populate_recordset(null::public.test_execution_snapshots, batch -> 'snapshots')
    on conflict (id) do update set
      step_key = excluded.step_key, step_number = excluded.step_number, step_name = excluded.step_name, attempt = excluded.attempt,
      state_before = excluded.state_before, state_after = excluded.state_after, inputs = excluded.inputs, outputs = excluded.outputs,
      source_code = excluded.source_code, source_line = excluded.source_line, highlight_from = excluded.highlight_from,
      highlight_to = excluded.highlight_to, function_name = excluded.function_name, file_path = excluded.file_path,
      can_edit = excluded.can_edit, can_rerun = excluded.can_rerun, is_edited = excluded.is_edited,
      started_at = excluded.started_at, completed_at = excluded.completed_at, duration_ms = excluded.duration_ms
    where s.test_run_id = run;
    get diagnostics n = row_count;
    stored := stored + n;
  end if;

  if batch ? 'exchanges' then
    insert into public.recorded_exchanges (
      id, test_run_id, step_key, attempt, ordinal, kind, method, url, request, status, response, error, started_at, duration_ms)
    select id, run, step_key, attempt, ordinal, kind, method, url, request, status, response, error, started_at, duration_ms
    from jsonb_populate_recordset(null::public.recorded_exchanges, batch -> 'exchanges')
    on conflict (id) do nothing;
    get diagnostics n = row_count;
    stored := stored + n;
  end if;

  if batch ? 'steps' then
    insert into public.test_execution_steps as s (
      id, test_run_id, step_key, parent_step_key, display, step_number, ordinal, attempt, step_name, description, step_type,
      execution_context, function_name, file_path, status, effect, is_edited, can_edit, can_rerun, reused_from_run_id, error_message,
      error_stack, started_at, completed_at, duration_ms, held_ms, cpu_ms, memory_bytes, metadata)
    select id, run, step_key, parent_step_key, display, step_number, ordinal, attempt, step_name, description, step_type,
      execution_context, function_name, file_path, status, effect, is_edited, can_edit, can_rerun, reused_from_run_id, error_message,
      error_stack, started_at, completed_at, duration_ms, held_ms, cpu_ms, memory_bytes, metadata
    from jsonb_populate_recordset(null::public.test_execution_steps, batch -> 'steps')
    on conflict (id) do update set
      step_key = excluded.step_key, parent_step_key = excluded.parent_step_key, display = excluded.display,
      step_number = excluded.step_number, ordinal = excluded.ordinal, attempt = excluded.attempt, step_name = excluded.step_name,
      description = excluded.description, step_type = excluded.step_type, execution_context = excluded.execution_context,
      function_name = excluded.function_name, file_path = excluded.file_path, status = excluded.status, effect = excluded.effect,
      is_edited = excluded.is_edited, can_edit = excluded.can_edit, can_rerun = excluded.can_rerun,
      reused_from_run_id = excluded.reused_from_run_id, error_message = excluded.error_message, error_stack = excluded.error_stack,
      started_at = excluded.started_at, completed_at = excluded.completed_at, duration_ms = excluded.duration_ms,
      held_ms = excluded.held_ms, cpu_ms = excluded.cpu_ms, memory_bytes = excluded.memory_bytes, metadata = excluded.metadata
    where s.test_run_id = run;
    get diagnostics n = row_count;
    stored := stored + n;
  end if;

  if batch ? 'logs' then
    -- All numbers at once: the run is locked, so nobody else takes one meanwhile.
    select next_seq into base from public.run_sequences where test_run_id = run for update;
    with added as (
      insert into public.test_execution_logs (
        id, test_run_id, generation_id, step_key, step_number, parent_step_number, step_name, step_type, log_level, message, data,
        metadata, execution_context, function_name, file_path, line_number, duration_ms, "timestamp", seq)
      select id, run, generation_id, step_key, step_number, parent_step_number, step_name,
        stepscope.step_type_of(coalesce(step_type, 'log')), stepscope.level_of(coalesce(log_level, 'info')), coalesce(message, ''), data,
        coalesce(metadata, '{}'), stepscope.context_of(coalesce(execution_context, 'client')), function_name, file_path, line_number,
        duration_ms, coalesce("timestamp", now()), base - 1 + row_number() over (order by ordinality)
      from jsonb_populate_recordset(null::public.test_execution_logs, batch -> 'logs') with ordinality as l
      where not exists (select from public.test_execution_logs stored where stored.id = l.id)
      on conflict (id) do nothing
      returning seq)
    select count(*), coalesce(max(seq), base - 1) into n, top from added;
    update public.run_sequences set next_seq = top + 1 where test_run_id = run;
    stored := stored + n;
  end if;

  -- The run last: who sees it ended has seen all that led there.
  if batch ? 'run' then stored := stored + 1; end if;
  if coalesce(known, false) and not batch ? 'run' and held_by is not null then
    -- A stream of log lines is a heartbeat, and one a second is enough of it.
    if heard_at is null or heard_at < now() - interval '1 second' then
      update public.test_execution_runs set holder_heartbeat_at = now() where test_run_id = run;
    end if;
  elsif coalesce(known, false) then
    fields := fields - 'completed_steps';
    select string_agg(format('%1$I = new.%1$I', attname), ', ') into set_list from pg_catalog.pg_attribute
      where attrelid = 'public.test_execution_runs'::regclass and attnum > 0 and not attisdropped and fields ? attname;
    execute format('update public.test_execution_runs r set holder_id = $2, holder_heartbeat_at = now() %s
      from jsonb_populate_record(null::public.test_execution_runs, $1) as new where r.test_run_id = $3', coalesce(', ' || set_list, ''))
      using fields, holder, run;
  elsif batch ?| array['steps', 'logs'] then
    update public.test_execution_runs set seq = null where test_run_id = run;
  end if;

  sent := (batch ? 'run')::int + jsonb_array_length(coalesce(batch -> 'steps', '[]')) + jsonb_array_length(coalesce(batch -> 'logs', '[]'))
    + jsonb_array_length(coalesce(batch -> 'snapshots', '[]')) + jsonb_array_length(coalesce(batch -> 'blobs', '[]'))
    + jsonb_array_length(coalesce(batch -> 'exchanges', '[]'));
  return jsonb_build_object('stored', stored, 'duplicates', sent - stored,
    'last_seq', (select next_seq - 1 from public.run_sequences where test_run_id = run));
end $$;
alter function public.ingest(jsonb) set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off;

do $$
declare
  name text;
begin
  foreach name in array array['watches', 'recorded_exchanges', 'run_leases', 'debug_sessions', 'comments', 'approvals', 'auto_generated_tests'] loop
    execute format('alter table public.%I enable row level security', name);
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', name);
    execute format('grant select on public.%I to authenticated, service_role', name);
    execute format('create policy service on public.%I to service_role using (true) with check (true)', name);
    execute format('create policy admin_select on public.%I for select to authenticated using ((select public.is_admin_user()))', name);
    -- What a run said and heard is its record; leases are moved by functions alone, approvals by the run's holder.
    if name in ('recorded_exchanges', 'run_leases', 'approvals') then continue; end if;
    execute format('grant insert, update, delete on public.%I to authenticated', name);
    execute format('create policy admin_insert on public.%I for insert to authenticated with check ((select public.is_admin_user()))', name);
    execute format('create policy admin_update on public.%I for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()))', name);
    execute format('create policy admin_delete on public.%I for delete to authenticated using ((select public.is_admin_user()))', name);
  end loop;
end $$;
grant insert, update, delete on public.watches, public.debug_sessions, public.comments, public.approvals,
  public.auto_generated_tests to service_role;
grant insert, delete on public.recorded_exchanges to service_role;

revoke all on function stepscope.before_watch(), stepscope.before_comment(), stepscope.before_session() from public, anon, authenticated, service_role;

do $$
declare
  published record;
begin
  for published in
    select * from (values
      ('watches', 'id', ''), ('run_leases', 'test_run_id', 'test_run_id'), ('debug_sessions', 'id', ''), ('comments', 'id', 'test_run_id'),
      ('approvals', 'id', 'test_run_id')) as t (name, keys, run)
  loop
    execute format('create trigger announce_insert after insert on public.%I referencing new table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, published.keys, published.run, '');
    execute format('create trigger announce_update after update on public.%I referencing old table as before new table as changed
      for each statement execute function stepscope.announce(%L, %L, %L)', published.name, published.keys, published.run, '');
    execute format('create trigger announce_delete after delete on public.%I referencing old table as removed
      for each statement execute function stepscope.announce_delete(%L)', published.name, published.run);
    if exists (select from pg_publication where pubname = 'supabase_realtime' and not puballtables)
      and not exists (select from pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = published.name) then
      execute format('alter publication supabase_realtime add table public.%I', published.name);
    end if;
  end loop;
end $$;

drop trigger audit on public.breakpoints;
create constraint trigger audit after insert or update or delete on public.breakpoints deferrable initially deferred
  for each row execute function stepscope.audit('breakpoint', 'id', 'pipeline_key,number,kind,target,enabled,moment,condition,hit_condition,log_message,level,path,threshold,needs_approval');
create constraint trigger audit after insert or update or delete on public.watches deferrable initially deferred
  for each row execute function stepscope.audit('watch', 'id', 'pipeline_key,number,expression');
create constraint trigger audit after insert or update or delete on public.debug_sessions deferrable initially deferred
  for each row execute function stepscope.audit('session', 'id', 'session_name,test_run_id,active,resolved');
create constraint trigger audit after insert or update or delete on public.comments deferrable initially deferred
  for each row execute function stepscope.audit('comment', 'id', 'test_run_id,step_key,body,resolved,author_name');
create constraint trigger audit after insert or update on public.approvals deferrable initially deferred
  for each row execute function stepscope.audit('approval', 'id', 'test_run_id,step_key,title,state,decided_by_name,reason');
create constraint trigger audit after insert or update or delete on public.auto_generated_tests deferrable initially deferred
  for each row execute function stepscope.audit('test', 'id', 'test_name,test_type,source_run_id,is_active');

select stepscope.remember_schema();
