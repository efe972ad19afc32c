-- A pause with an owner, runs that another process takes up where they are held, and approvals.

-- Whose pause it is. The holder of a lease renews it; a living one of somebody else is displaced only with `take`.
-- Written down is who began, took over and let go, never a renewal. `mine` is false where somebody else has it.
create function public.hold_lease(run_id text, terminal text, seconds int default 60, take boolean default false) returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  run public.test_execution_runs;
  held public.run_leases;
  me text := coalesce(auth.email(), nullif(current_setting('role', true), 'none'), session_user);
  is_mine boolean;
begin
  perform stepscope.assert_admin_or_service();
  if seconds is null or seconds not between 1 and 3600 then
    raise exception 'a lease lasts 1 to 3600 seconds' using errcode = '22023';
  end if;
  if terminal is null or octet_length(terminal) not between 1 and 200 then
    raise exception 'a terminal has a name of 1 to 200 bytes' using errcode = '22023';
  end if;
  select r.* into run from public.test_execution_runs r where r.test_run_id = run_id for key share;
  if not found then raise exception 'no run %', run_id using errcode = 'PT404'; end if;
  if run.status in ('completed', 'failed', 'cancelled', 'interrupted') then
    raise exception 'the run is %', run.status using errcode = 'PT409';
  end if;

  insert into public.run_leases as l (test_run_id, owner, owner_name, terminal, taken_at, expires_at)
    values (run_id, auth.uid(), me, hold_lease.terminal, now(), now() + make_interval(secs => seconds))
    on conflict (test_run_id) do nothing;
  if found then
    perform stepscope.write_audit('lease.hold', 'run_leases', run_id, jsonb_build_object('owner_name', me, 'terminal', hold_lease.terminal), null);
  end if;
  select l.* into strict held from public.run_leases l where l.test_run_id = run_id for no key update;
  is_mine := held.terminal = hold_lease.terminal and held.owner is not distinct from auth.uid();

  if is_mine then
    update public.run_leases l set expires_at = greatest(l.expires_at, now() + make_interval(secs => seconds))
      where l.test_run_id = run_id returning l.* into held;
  elsif coalesce(take, false) or held.expires_at <= now() then
    perform stepscope.write_audit('lease.take', 'run_leases', run_id, jsonb_build_object('owner_name', me, 'terminal', hold_lease.terminal,
      'from', held.owner_name, 'from_terminal', held.terminal, 'since', held.taken_at, 'had_expired', held.expires_at <= now()), null);
    update public.run_leases l set owner = auth.uid(), owner_name = me, terminal = hold_lease.terminal, taken_at = now(),
        expires_at = now() + make_interval(secs => seconds)
      where l.test_run_id = run_id returning l.* into held;
    is_mine := true;
  end if;
  return to_jsonb(held) || jsonb_build_object('mine', is_mine);
end $$;

-- A terminal that leaves in order. The pause then is nobody's, and lasts as one without a terminal does.
create function public.release_lease(run_id text, terminal text) returns boolean language plpgsql security definer set search_path = '' as $$
declare
  gone public.run_leases;
begin
  perform stepscope.assert_admin_or_service();
  delete from public.run_leases l
    where l.test_run_id = run_id and l.terminal = release_lease.terminal and l.owner is not distinct from auth.uid() returning l.* into gone;
  if not found then return false; end if;
  perform stepscope.write_audit('lease.release', 'run_leases', run_id, jsonb_build_object('owner_name', gone.owner_name, 'terminal', gone.terminal), null);
  return true;
end $$;

-- Asked by the holder of a held run with its heartbeat: {state: none | living | ended, …lease, act}. One that has
-- ended is told once, and what the run's policy makes of it (`act`) is on record before it is done. A run that waits
-- for an approval does not go on without one.
create function public.lapsed_lease(run_id text, holder text) returns jsonb language plpgsql security definer set search_path = '' as $$
declare
  run public.test_execution_runs;
  held public.run_leases;
  act text;
begin
  select r.* into run from public.test_execution_runs r where r.test_run_id = run_id and r.holder_id = holder and r.status = 'paused' for no key update;
  if not found then return jsonb_build_object('state', 'none'); end if;
  select l.* into held from public.run_leases l where l.test_run_id = run_id for no key update;
  if not found then return jsonb_build_object('state', 'none'); end if;
  if held.expires_at > now() then return to_jsonb(held) || jsonb_build_object('state', 'living'); end if;

  act := run.on_lease_end;
  if act = 'continue' and exists (select from public.approvals a where a.test_run_id = run_id and a.state = 'waiting') then act := 'hold'; end if;
  delete from public.run_leases l where l.test_run_id = run_id;
  -- From here on the run may have gone on, whatever becomes of its holder.
  if act = 'continue' then update public.test_execution_runs r set resumable = false where r.test_run_id = run_id and r.resumable; end if;
  perform stepscope.write_audit('lease.end', 'run_leases', run_id, jsonb_build_object('owner_name', held.owner_name, 'terminal', held.terminal,
    'since', held.taken_at, 'expired_at', held.expires_at, 'act', act), 'the owner''s terminal was not heard of');
  return to_jsonb(held) || jsonb_build_object('state', 'ended', 'act', act);
end $$;

-- A holder that goes gives a run it holds before a step to whoever comes. False: it is not its own, or it goes on.
create function public.release_run(run_id text, holder text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  update public.test_execution_runs set holder_id = null, holder_heartbeat_at = null
    where test_run_id = run_id and holder_id = holder and status = 'paused' and resumable;
  return found;
end $$;

-- Before a holder lets a run go on without a command: from here on nobody else takes it up. False: it has another holder.
create function public.leave_hold(run_id text, holder text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  perform from public.test_execution_runs where test_run_id = run_id and holder_id = holder for no key update;
  if not found then return false; end if;
  update public.test_execution_runs set resumable = false where test_run_id = run_id and resumable;
  return true;
end $$;

-- A program that starts again for a run of its own, which no runner can execute.
create function public.take_up_run(run_id text, holder text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  update public.test_execution_runs set holder_id = holder, holder_heartbeat_at = now()
    where test_run_id = run_id and status = 'paused' and resumable and execution_data ->> 'tracedBy' = 'tracker'
      -- limits.heartbeatExpiryMs
      and (holder_id is null or holder_heartbeat_at is null or holder_heartbeat_at < now() - interval '30 seconds');
  return found;
end $$;

-- One that nobody has taken up meanwhile is its holder's again.
create or replace function public.hold_run(run_id text, holder text) returns boolean language plpgsql security definer set search_path = '' as $$
begin
  update public.test_execution_runs set holder_heartbeat_at = now() where test_run_id = run_id and holder_id = holder;
  if found then return true; end if;
  update public.test_execution_runs set holder_id = holder, holder_heartbeat_at = now()
    where test_run_id = run_id and holder_id is null and status = 'paused' and resumable;
  return found;
end $$;

-- Also runs that are held before a step and that nobody holds: those stay paused. First, for somebody waits for them.
create or replace function public.claim_run(runner_id text, pipeline_keys text[]) returns setof public.test_execution_runs
language plpgsql security definer set search_path = '' as $$
begin
  return query
    update public.test_execution_runs set holder_id = runner_id, holder_heartbeat_at = now()
    where id = (
      select r.id from public.test_execution_runs r
      where r.status = 'paused' and r.resumable and r.holder_id is null and r.pipeline_key = any (pipeline_keys)
        and r.execution_data ->> 'tracedBy' is null
      order by r.created_at, r.id limit 1 for no key update skip locked)
    returning *;
  if found then return; end if;
  return query
    update public.test_execution_runs set
      holder_id = runner_id, holder_heartbeat_at = now(), status = 'running', started_at = coalesce(started_at, now())
    where id = (
      select r.id from public.test_execution_runs r
      where r.status = 'pending' and r.pipeline_key = any (pipeline_keys) and r.holder_id is null
      order by r.created_at, r.id limit 1 for no key update skip locked)
    returning *;
end $$;

-- A command that lets the run go on takes it from whoever would take it up at the step before: when its holder dies
-- now, nobody can know whether the step has run. A decision is on record before it is obeyed.
create or replace function public.settle_command(command_id uuid, holder text, new_state text, why text default null) returns boolean
language plpgsql security definer set search_path = '' as $$
declare
  command public.test_execution_commands;
begin
  if new_state not in ('accepted', 'done', 'refused') then
    raise exception 'a command cannot become %', new_state using errcode = '22023';
  end if;
  -- The run before the command: the same order as everywhere.
  select c.* into command from public.test_execution_commands c where c.id = command_id;
  perform from public.test_execution_runs where test_run_id = command.test_run_id and holder_id = holder for no key update;
  if not found then return false; end if;
  update public.test_execution_commands set state = new_state, reason = why
  where id = command_id and (state = 'pending' or (state = 'accepted' and new_state <> 'accepted'));
  if not found then return false; end if;
  if new_state = 'accepted' and command.verb in ('continue', 'next', 'stepIn', 'stepOut', 'runTo', 'approve', 'reject') then
    update public.test_execution_runs set resumable = false where test_run_id = command.test_run_id and resumable;
  end if;
  if new_state = 'accepted' and command.verb in ('approve', 'reject') then
    update public.approvals set state = case command.verb when 'approve' then 'approved' else 'rejected' end,
        decided_by = command.sender, decided_by_name = command.sender_name, decided_at = now(), reason = left(command.payload ->> 'why', 2000)
      where test_run_id = command.test_run_id and state = 'waiting'
        and (command.payload ->> 'step' is null or step_key = command.payload ->> 'step');
  end if;
  return true;
end $$;

-- Runs whose holder was last heard of before max_age. One held before a step that another process can run stays
-- paused, without a holder; the others are interrupted, and so are their open steps. Commands that nobody accepted in
-- time are refused, of these and all runs, and those that a holder took with it.
create or replace function public.interrupt_lost_runs(max_age interval default interval '30 seconds', holder_prefix text default null)
returns setof text language plpgsql security definer set search_path = '' as $$
declare
  run text;
  stays boolean;
begin
  for run, stays in
    select test_run_id, status = 'paused' and resumable from public.test_execution_runs
    where status in ('running', 'paused') and holder_id is not null
      and coalesce(holder_heartbeat_at, updated_at) <= now() - max_age
      and (holder_prefix is null or starts_with(holder_id, holder_prefix))
    order by test_run_id for no key update skip locked
  loop
    update public.test_execution_commands set state = 'refused', reason = 'the program that executed the run went before it was done'
      where test_run_id = run and state = 'accepted';
    if stays then
      update public.test_execution_runs set holder_id = null, holder_heartbeat_at = null where test_run_id = run;
      continue;
    end if;
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

-- An approval is worth the name under it: who has an address signs with that and no other.
create or replace function stepscope.before_command() returns trigger language plpgsql security definer set search_path = '' as $$
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
    new.sender_name := coalesce(auth.email(), new.sender_name);
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

-- A step that waits for a yes says so in its row, so the question is stored with the hold or not at all.
create function stepscope.ask_approval() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  insert into public.approvals as a (test_run_id, step_key, attempt, title)
    values (new.test_run_id, new.step_key, new.attempt, left(coalesce(nullif(new.metadata ->> 'awaitsApproval', ''), 'May it go on?'), 250))
    on conflict (test_run_id, step_key, attempt) do update
      set state = 'waiting', title = excluded.title, decided_by = null, decided_by_name = null, decided_at = null, reason = null;
  return null;
end $$;
create trigger ask_approval after insert on public.test_execution_steps for each row
  when (new.metadata ? 'awaitsApproval' and new.status not in ('failed', 'skipped', 'cancelled')) execute function stepscope.ask_approval();
create trigger ask_approval_again after update on public.test_execution_steps for each row
  when (new.metadata ? 'awaitsApproval' and not old.metadata ? 'awaitsApproval') execute function stepscope.ask_approval();

-- However a run ends, nobody is asked any more, and nobody's pause it is.
create function stepscope.end_questions() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  update public.approvals set state = 'withdrawn', decided_at = now(), reason = 'the run is ' || new.status
    where test_run_id = new.test_run_id and state = 'waiting';
  delete from public.run_leases where test_run_id = new.test_run_id;
  return null;
end $$;
create trigger end_questions after update of status on public.test_execution_runs for each row
  when (new.status in ('completed', 'failed', 'cancelled', 'interrupted') and old.status is distinct from new.status)
  execute function stepscope.end_questions();

create index runs_to_take_up on public.test_execution_runs (created_at) where status = 'paused' and resumable and holder_id is null;
create index approvals_waiting on public.approvals (created_at) where state = 'waiting';

revoke all on function stepscope.ask_approval(), stepscope.end_questions(), public.hold_lease(text, text, int, boolean),
  public.release_lease(text, text), public.lapsed_lease(text, text), public.release_run(text, text), public.leave_hold(text, text),
  public.take_up_run(text, text) from public, anon, authenticated, service_role;
grant execute on function public.hold_lease(text, text, int, boolean), public.release_lease(text, text) to authenticated, service_role;
grant execute on function public.lapsed_lease(text, text), public.release_run(text, text), public.leave_hold(text, text),
  public.take_up_run(text, text) to service_role;

select stepscope.remember_schema();
