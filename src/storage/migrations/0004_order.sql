-- What happens to a row before it is stored: other spellings become ours, what a client left null gets its
-- default (supabase-js sends null for a key that only some rows of a bulk insert have), and rows of a run
-- get their number.

-- No search_path on these five, or Postgres could not inline them into the insert of a batch; they call nothing
-- but pg_catalog.

create function stepscope.level_of(spelling text) returns text language sql immutable as $$
  select case pg_catalog.lower(spelling)
    when 'warning' then 'warn' when 'err' then 'error' when 'fatal' then 'critical' when 'panic' then 'critical'
    when 'trace' then 'debug' when 'verbose' then 'debug' when 'log' then 'info' when 'notice' then 'info'
    else pg_catalog.lower(spelling) end
$$;

create function stepscope.context_of(spelling text) returns text language sql immutable as $$
  select case pg_catalog.lower(spelling)
    when 'edge' then 'edge_function' when 'edge-function' then 'edge_function' when 'edgefunction' then 'edge_function'
    when 'db' then 'database' when 'browser' then 'client' when 'frontend' then 'client' when 'backend' then 'server'
    else pg_catalog.lower(spelling) end
$$;

create function stepscope.run_status_of(spelling text) returns text language sql immutable as $$
  select case pg_catalog.lower(spelling)
    when 'canceled' then 'cancelled' when 'success' then 'completed' when 'succeeded' then 'completed'
    when 'error' then 'failed' when 'queued' then 'pending'
    else pg_catalog.lower(spelling) end
$$;

create function stepscope.mode_of(spelling text) returns text language sql immutable as $$
  select case pg_catalog.lower(spelling)
    when 'pause' then 'paused' when 'manual' then 'step' when 'step_by_step' then 'step' when 'step-by-step' then 'step'
    else pg_catalog.lower(spelling) end
$$;

create function stepscope.step_type_of(spelling text) returns text language sql immutable as $$
  select case pg_catalog.lower(spelling) when 'warn' then 'warning' when 'substep' then 'sub' when 'step' then 'main' else pg_catalog.lower(spelling) end
$$;

-- The next number of a run. The run's row is locked first, and by everyone: an update of the run comes here
-- holding it, so whoever took the counter first could deadlock with it.
create function stepscope.take_number(run text) returns bigint language plpgsql security definer set search_path = '' as $$
declare
  taken bigint;
begin
  perform from public.test_execution_runs where test_run_id = run for no key update;
  insert into public.run_sequences as s (test_run_id, next_seq) values (run, 2)
  on conflict (test_run_id) do update set next_seq = s.next_seq + 1
  returning next_seq - 1 into taken;
  return taken;
end $$;

create function stepscope.before_run() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  same public.test_execution_runs;
begin
  new.status := stepscope.run_status_of(coalesce(new.status, 'pending'));
  new.mode := stepscope.mode_of(coalesce(new.mode, 'auto'));

  if tg_op = 'INSERT' then
    new.id := coalesce(new.id, stepscope.uuid_v7());
    new.test_run_id := coalesce(new.test_run_id, new.id::text);
    new.admin_user_id := coalesce(new.admin_user_id, auth.uid());
    new.inputs := coalesce(new.inputs, '{}');
    new.execution_data := coalesce(new.execution_data, '{}');
    new.tags := coalesce(new.tags, '{}');
    new.total_steps := coalesce(new.total_steps, 0);
    new.completed_steps := coalesce(new.completed_steps, 0);
    new.test_mode_enabled := coalesce(new.test_mode_enabled, true);
    new.skip_billing := coalesce(new.skip_billing, true);
    new.billing := coalesce(new.billing, 'test');
    new.bookmarked := coalesce(new.bookmarked, false);
    new.on_lease_end := coalesce(new.on_lease_end, 'hold');
    new.log_counts := '{}';
    new.created_at := coalesce(new.created_at, now());
    new.updated_at := now();
    -- An upsert of a row that is there comes by as an insert first; only the update that follows counts.
    new.seq := 0;
    if not exists (select from public.test_execution_runs r where r.id = new.id or r.test_run_id = new.test_run_id) then
      new.seq := stepscope.take_number(new.test_run_id);
    end if;
    return new;
  end if;

  -- What was sent twice is no news. `seq = null` asks for a number all the same.
  same := new;
  same.seq := old.seq;
  same.updated_at := old.updated_at;
  same.holder_heartbeat_at := old.holder_heartbeat_at;
  if new.seq is not null and same is not distinct from old then
    new.seq := old.seq;
    new.updated_at := old.updated_at;
  else
    new.seq := stepscope.take_number(new.test_run_id);
    new.updated_at := now();
  end if;
  return new;
end $$;
create trigger before_run before insert on public.test_execution_runs
  for each row execute function stepscope.before_run();

-- Heartbeats and log counts change all the time and are no news by themselves: an update of only these two
-- comes past the trigger, keeps its number and is not announced.
do $$
begin
  execute format(
    'create trigger before_run_change before update of %s on public.test_execution_runs for each row execute function stepscope.before_run()',
    (select string_agg(quote_ident(attname), ', ') from pg_attribute
     where attrelid = 'public.test_execution_runs'::regclass and attnum > 0 and not attisdropped
       and attname not in ('log_counts', 'holder_heartbeat_at')));
end $$;

create function stepscope.before_step() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  same public.test_execution_steps;
begin
  new.step_type := stepscope.step_type_of(coalesce(new.step_type, 'main'));
  new.execution_context := stepscope.context_of(coalesce(new.execution_context, 'client'));

  if tg_op = 'INSERT' then
    new.id := coalesce(new.id, stepscope.uuid_v7());
    new.step_number := coalesce(new.step_number, 0);
    new.display := coalesce(new.display, new.step_number::text);
    new.step_name := coalesce(new.step_name, new.step_key);
    new.ordinal := coalesce(new.ordinal, 0);
    new.attempt := coalesce(new.attempt, 1);
    new.status := coalesce(new.status, 'pending');
    new.effect := coalesce(new.effect, 'none');
    new.is_edited := coalesce(new.is_edited, false);
    new.can_edit := coalesce(new.can_edit, true);
    new.can_rerun := coalesce(new.can_rerun, true);
    new.metadata := coalesce(new.metadata, '{}');
    new.created_at := coalesce(new.created_at, now());
    new.updated_at := now();
    -- As with runs: an upsert of a row that is there.
    new.seq := 0;
    if not exists (select from public.test_execution_steps s where s.id = new.id) then
      new.seq := stepscope.take_number(new.test_run_id);
    end if;
    return new;
  end if;

  -- A batch that was sent twice is no news.
  same := new;
  same.seq := old.seq;
  same.updated_at := old.updated_at;
  if same is not distinct from old then
    new := same;
  else
    new.seq := stepscope.take_number(new.test_run_id);
    new.updated_at := now();
  end if;
  return new;
end $$;
create trigger before_step before insert or update on public.test_execution_steps
  for each row execute function stepscope.before_step();

create function stepscope.before_log() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.log_level := stepscope.level_of(coalesce(new.log_level, 'info'));
  new.execution_context := stepscope.context_of(coalesce(new.execution_context, 'client'));
  new.step_type := stepscope.step_type_of(coalesce(new.step_type, 'log'));
  new.message := coalesce(new.message, '');
  new.metadata := coalesce(new.metadata, '{}');
  new."timestamp" := coalesce(new."timestamp", now());
  new.created_at := coalesce(new.created_at, now());
  new.seq := stepscope.take_number(new.test_run_id);
  return new;
end $$;
-- ingest() has done all of this for a whole batch at once and says so by the number it brings. Clients
-- cannot choose numbers.
create trigger before_log before insert on public.test_execution_logs
  for each row when (new.seq is null or new.seq <= 0 or current_user in ('anon', 'authenticated', 'service_role'))
  execute function stepscope.before_log();

create function stepscope.before_snapshot() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  new.updated_at := now();
  if tg_op = 'UPDATE' then return new; end if;
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.step_number := coalesce(new.step_number, 0);
  new.step_key := coalesce(new.step_key, 'step_' || new.step_number);
  -- A client that knows only step numbers stores a step twice when it runs it twice: two attempts.
  new.attempt := coalesce(new.attempt,
    1 + (select max(attempt) from public.test_execution_snapshots s
         where s.test_run_id = new.test_run_id and s.step_key = new.step_key), 1);
  new.is_edited := coalesce(new.is_edited, false);
  new.can_edit := coalesce(new.can_edit, true);
  new.can_rerun := coalesce(new.can_rerun, true);
  new.created_at := coalesce(new.created_at, now());
  return new;
end $$;
create trigger before_snapshot before insert or update on public.test_execution_snapshots
  for each row execute function stepscope.before_snapshot();

create function stepscope.before_command() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  run_status text;
begin
  if tg_op = 'INSERT' then
    new.id := coalesce(new.id, stepscope.uuid_v7());
    new.payload := coalesce(new.payload, '{}');
    new.expires_at := coalesce(new.expires_at, now() + interval '60 seconds');
    new.created_at := now();
    -- Nobody signs with another's name, and nobody but the run's holder decides.
    new.sender := coalesce(auth.uid(), new.sender);
    new.sender_name := coalesce(new.sender_name, auth.email());
    new.state := 'pending';
    new.reason := null;
    select status into run_status from public.test_execution_runs where test_run_id = new.test_run_id for no key update;
    if run_status in ('completed', 'failed', 'cancelled', 'interrupted') then
      new.state := 'refused';
      new.reason := format('the run is %s', run_status);
    end if;
  end if;
  new.seq := stepscope.take_number(new.test_run_id);
  new.updated_at := now();
  return new;
end $$;
create trigger before_command before insert or update on public.test_execution_commands
  for each row execute function stepscope.before_command();

create function stepscope.before_breakpoint() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- One at a time, or two people get the same number.
  perform pg_advisory_xact_lock(hashtextextended('stepscope.breakpoints:' || new.pipeline_key, 0));
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.number := 1 + coalesce((select max(number) from public.breakpoints where pipeline_key = new.pipeline_key), 0);
  new.enabled := coalesce(new.enabled, true);
  new.created_by := coalesce(auth.uid(), new.created_by);
  new.created_at := coalesce(new.created_at, now());
  new.updated_at := now();
  return new;
end $$;
create trigger before_breakpoint before insert on public.breakpoints
  for each row execute function stepscope.before_breakpoint();

create trigger touch before update on public.breakpoints for each row execute function stepscope.touch();
create trigger touch before update on public.test_execution_comparisons for each row execute function stepscope.touch();
create trigger touch before update on public.pipelines for each row execute function stepscope.touch();
create trigger touch before update on public.models for each row execute function stepscope.touch();
create trigger touch before update on public.jobs for each row execute function stepscope.touch();

-- Kept as rows are stored, so that nobody counts when reading. Log rows are counted where they are announced.

-- Main steps whose latest attempt is behind us.
create function stepscope.count_steps() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  run text;
  done int;
begin
  for run in select distinct test_run_id from changed order by 1 loop
    select count(*) into done from (
      select distinct on (step_key) status from public.test_execution_steps
      where test_run_id = run and parent_step_key is null order by step_key, attempt desc) as latest
    where status in ('completed', 'reused', 'skipped');
    update public.test_execution_runs set completed_steps = done where test_run_id = run and completed_steps <> done;
  end loop;
  return null;
end $$;
create trigger count_steps_added after insert on public.test_execution_steps
  referencing new table as changed for each statement execute function stepscope.count_steps();
create trigger count_steps_changed after update on public.test_execution_steps
  referencing new table as changed for each statement execute function stepscope.count_steps();

-- Retention takes log rows from the front; readers must know from where on they can trust the rest.
create function stepscope.note_first_seq() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.run_sequences s set first_seq = greatest(s.first_seq, gone.last + 1)
  from (select test_run_id, max(seq) as last from removed group by test_run_id) as gone
  where s.test_run_id = gone.test_run_id;
  return null;
end $$;
create trigger note_first_seq after delete on public.test_execution_logs
  referencing old table as removed for each statement execute function stepscope.note_first_seq();
