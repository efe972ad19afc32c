-- The functions that cross rooms; `src/ARCHITECTURE.md` lists them.

-- A refusal is an error of a status of its own: PTxyz becomes HTTP xyz in the Data API.
create function public.ingest(batch jsonb) returns jsonb language plpgsql security definer set search_path = '' as $$
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
    + jsonb_array_length(coalesce(batch -> 'snapshots', '[]')) + jsonb_array_length(coalesce(batch -> 'blobs', '[]'));
  return jsonb_build_object('stored', stored, 'duplicates', sent - stored,
    'last_seq', (select next_seq - 1 from public.run_sequences where test_run_id = run));
end $$;

-- Rows of one answer together; a run of large rows is read in more answers, not in larger ones.
create function stepscope.max_change_bytes() returns int language sql immutable set search_path = '' as $$ select 4 * 1024 * 1024 $$;

create function public.run_changes(run_id text, after_seq bigint default 0, max_rows int default 1000) returns jsonb
language sql stable security invoker set search_path = '' as $$
  with bounds as (select greatest(0, coalesce(after_seq, 0)) as after, least(greatest(1, coalesce(max_rows, 1000)), 1000) as rows),
  found as (
    select seq, 'test_execution_runs' as "table", to_jsonb(r) as row from public.test_execution_runs r, bounds b
      where r.test_run_id = run_id and r.seq > b.after
    union all
    select * from (select seq, 'test_execution_steps', to_jsonb(s) from public.test_execution_steps s
      where s.test_run_id = run_id and s.seq > (select after from bounds) order by seq limit (select rows + 1 from bounds)) as steps
    union all
    select * from (select seq, 'test_execution_logs', to_jsonb(l) from public.test_execution_logs l
      where l.test_run_id = run_id and l.seq > (select after from bounds) order by seq limit (select rows + 1 from bounds)) as logs
    union all
    select * from (select seq, 'test_execution_commands', to_jsonb(c) from public.test_execution_commands c
      where c.test_run_id = run_id and c.seq > (select after from bounds) order by seq limit (select rows + 1 from bounds)) as commands),
  placed as (
    select *, row_number() over (order by seq) as place,
      sum(pg_column_size(row)) over (order by seq) as bytes from found),
  kept as (
    select * from placed where place = 1 or (place <= (select rows from bounds) and bytes <= stepscope.max_change_bytes()))
  select jsonb_build_object(
    'changes', coalesce((select jsonb_agg(jsonb_build_object('table', "table", 'row', row) order by seq) from kept), '[]'),
    'last_seq', coalesce((select max(seq) from kept), (select after from bounds)),
    'complete', (select count(*) from kept) = (select count(*) from placed),
    'first_seq', coalesce((select first_seq from public.run_sequences where test_run_id = run_id), 0))
$$;

create function public.claim_run(runner_id text, pipeline_keys text[]) returns setof public.test_execution_runs
language plpgsql security definer set search_path = '' as $$
begin
  return query
    update public.test_execution_runs set
      holder_id = runner_id, holder_heartbeat_at = now(), status = 'running', started_at = coalesce(started_at, now())
    where id = (
      select r.id from public.test_execution_runs r
      where r.status = 'pending' and r.pipeline_key = any (pipeline_keys) and r.holder_id is null
      order by r.created_at, r.id limit 1 for no key update skip locked)
    returning *;
end $$;

create function public.hold_run(run_id text, holder text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  update public.test_execution_runs set holder_heartbeat_at = now() where test_run_id = run_id and holder_id = holder;
  return found;
end $$;

create function public.settle_command(command_id uuid, holder text, new_state text, why text default null) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  run text;
begin
  if new_state not in ('accepted', 'done', 'refused') then
    raise exception 'a command cannot become %', new_state using errcode = '22023';
  end if;
  -- The run before the command: the same order as everywhere.
  select c.test_run_id into run from public.test_execution_commands c where c.id = command_id;
  perform from public.test_execution_runs where test_run_id = run and holder_id = holder for no key update;
  if not found then return false; end if;
  update public.test_execution_commands set state = new_state, reason = why
  where id = command_id and (state = 'pending' or (state = 'accepted' and new_state <> 'accepted'));
  return found;
end $$;

-- Runs whose holder was last heard of before max_age. Their open steps end with them, and so do commands
-- that nobody accepted in time, of these and all runs.
create function public.interrupt_lost_runs(max_age interval default interval '30 seconds', holder_prefix text default null)
returns setof text language plpgsql security definer set search_path = '' as $$
declare
  run text;
begin
  for run in
    select test_run_id from public.test_execution_runs
    where status in ('running', 'paused') and holder_id is not null
      and coalesce(holder_heartbeat_at, updated_at) <= now() - max_age
      and (holder_prefix is null or starts_with(holder_id, holder_prefix))
    order by test_run_id for no key update skip locked
  loop
    update public.test_execution_steps set status = 'cancelled', completed_at = coalesce(completed_at, now())
      where test_run_id = run and status in ('held', 'running');
    update public.test_execution_runs set status = 'interrupted', completed_at = now(), pause_reason = null, lease_until = null,
        error_message = coalesce(error_message, 'The program that executed this run is gone.')
      where test_run_id = run;
    return next run;
  end loop;

  for run in
    select test_run_id from public.test_execution_runs
    where test_run_id in (select c.test_run_id from public.test_execution_commands c where c.state = 'pending' and c.expires_at < now())
    order by test_run_id for no key update skip locked
  loop
    update public.test_execution_commands set state = 'refused', reason = 'nobody took it in time'
      where test_run_id = run and state = 'pending' and expires_at < now();
  end loop;
end $$;

-- 42501 for anyone but an admin and the service. Definer functions have no policies in front of them.
create function stepscope.assert_admin_or_service() returns void language plpgsql stable set search_path = '' as $$
begin
  if current_setting('role', true) in ('anon', 'authenticated') and not public.is_admin_user() then
    raise exception 'only an admin may do this' using errcode = '42501';
  end if;
end $$;

create function public.cleanup_old_test_runs(days int default 30) returns int language plpgsql security definer set search_path = '' as $$
declare
  removed int;
begin
  perform stepscope.assert_admin_or_service();
  if days is null or days < 0 then
    raise exception 'days must be 0 or more' using errcode = '22023';
  end if;
  delete from public.test_execution_runs
  where created_at < now() - make_interval(days => days)
    and not bookmarked
    -- Whoever is still at work keeps it, however old.
    and not (status in ('running', 'paused') and holder_heartbeat_at > now() - interval '1 day');
  get diagnostics removed = row_count;
  return removed;
end $$;

-- Null for a run that is not there, or not for the caller: policies decide.
create function public.get_test_run_summary(run_id text) returns jsonb language sql stable security invoker set search_path = '' as $$
  select jsonb_build_object(
    'test_run_id', r.test_run_id, 'pipeline_key', r.pipeline_key, 'model_name', r.model_name, 'status', r.status, 'mode', r.mode,
    'total_steps', r.total_steps, 'completed_steps', r.completed_steps, 'failed_step', r.failed_step, 'error_message', r.error_message,
    'started_at', r.started_at, 'completed_at', r.completed_at, 'total_duration_ms', r.total_duration_ms,
    'bookmarked', r.bookmarked, 'tags', to_jsonb(r.tags),
    'log_counts', r.log_counts,
    'log_count', (select coalesce(sum(value::bigint), 0) from jsonb_each_text(r.log_counts)),
    'error_count', coalesce((r.log_counts ->> 'error')::bigint, 0) + coalesce((r.log_counts ->> 'critical')::bigint, 0),
    'warning_count', coalesce((r.log_counts ->> 'warn')::bigint, 0),
    'snapshot_count', (select count(*) from public.test_execution_snapshots s where s.test_run_id = r.test_run_id),
    'steps', (select coalesce(jsonb_agg(jsonb_build_object('step_key', s.step_key, 'display', s.display, 'attempt', s.attempt,
        'status', s.status, 'duration_ms', s.duration_ms, 'held_ms', s.held_ms) order by s.ordinal, s.attempt), '[]')
      from public.test_execution_steps s where s.test_run_id = r.test_run_id))
  from public.test_execution_runs r where r.test_run_id = run_id
$$;
