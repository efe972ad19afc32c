-- Who may do what. A grant says which verbs a role has on a table at all, a policy on which rows. `anon` has
-- nothing. What a hosted project grants by default on every new table and function is taken back first.
-- Row-level security is not forced on the owner: the owner is never a request, and the definer functions
-- and triggers above work as the owner.

do $$
declare
  name text;
begin
  foreach name in array array[
    'test_execution_runs', 'test_execution_steps', 'test_execution_logs', 'test_execution_snapshots', 'snapshot_blobs',
    'test_execution_comparisons', 'test_execution_commands', 'breakpoints', 'pipelines', 'models', 'runners', 'user_roles',
    'audit_log', 'jobs', 'credit_ledger', 'run_sequences']
  loop
    execute format('alter table public.%I enable row level security', name);
    execute format('revoke all on public.%I from public, anon, authenticated, service_role', name);
    execute format('grant select on public.%I to authenticated, service_role', name);
    -- In a project where service_role bypasses policies this one changes nothing; elsewhere it stands in for that.
    execute format('create policy service on public.%I to service_role using (true) with check (true)', name);
  end loop;
end $$;

-- Admins: everything a person or a seed's tracker in a browser does. Log rows never change.
grant insert, update, delete on public.test_execution_runs, public.test_execution_comparisons, public.breakpoints, public.models,
  public.user_roles to authenticated;
grant insert, update on public.test_execution_steps, public.test_execution_snapshots, public.snapshot_blobs to authenticated;
grant insert on public.test_execution_logs, public.test_execution_commands to authenticated;

-- The service: trackers, runners, the server. Commands are moved by settle_command() alone; the ledger and
-- the audit log only grow.
grant insert, update, delete on public.test_execution_runs, public.test_execution_steps, public.test_execution_snapshots,
  public.snapshot_blobs, public.test_execution_comparisons, public.breakpoints, public.pipelines, public.models, public.runners,
  public.user_roles, public.jobs to service_role;
grant insert, delete on public.test_execution_logs, public.test_execution_commands to service_role;
grant insert on public.credit_ledger, public.audit_log to service_role;

create policy admin_select on public.test_execution_runs for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.test_execution_runs for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.test_execution_runs for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));
create policy admin_delete on public.test_execution_runs for delete to authenticated using ((select public.is_admin_user()));

create policy admin_select on public.test_execution_steps for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.test_execution_steps for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.test_execution_steps for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));

create policy admin_select on public.test_execution_logs for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.test_execution_logs for insert to authenticated with check ((select public.is_admin_user()));

create policy admin_select on public.test_execution_snapshots for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.test_execution_snapshots for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.test_execution_snapshots for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));

create policy admin_select on public.snapshot_blobs for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.snapshot_blobs for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.snapshot_blobs for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));

create policy admin_select on public.test_execution_comparisons for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.test_execution_comparisons for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.test_execution_comparisons for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));
create policy admin_delete on public.test_execution_comparisons for delete to authenticated using ((select public.is_admin_user()));

create policy admin_select on public.test_execution_commands for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.test_execution_commands for insert to authenticated with check ((select public.is_admin_user()));

create policy admin_select on public.breakpoints for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.breakpoints for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.breakpoints for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));
create policy admin_delete on public.breakpoints for delete to authenticated using ((select public.is_admin_user()));

create policy admin_select on public.models for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.models for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.models for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));
create policy admin_delete on public.models for delete to authenticated using ((select public.is_admin_user()));

create policy admin_select on public.user_roles for select to authenticated using ((select public.is_admin_user()));
create policy admin_insert on public.user_roles for insert to authenticated with check ((select public.is_admin_user()));
create policy admin_update on public.user_roles for update to authenticated using ((select public.is_admin_user())) with check ((select public.is_admin_user()));
create policy admin_delete on public.user_roles for delete to authenticated using ((select public.is_admin_user()));
create policy own_select on public.user_roles for select to authenticated using (user_id = (select auth.uid()));

create policy admin_select on public.pipelines for select to authenticated using ((select public.is_admin_user()));
create policy admin_select on public.runners for select to authenticated using ((select public.is_admin_user()));
create policy admin_select on public.audit_log for select to authenticated using ((select public.is_admin_user()));
create policy admin_select on public.run_sequences for select to authenticated using ((select public.is_admin_user()));

create policy admin_select on public.jobs for select to authenticated using ((select public.is_admin_user()));
create policy own_select on public.jobs for select to authenticated using (user_id = (select auth.uid()));
create policy admin_select on public.credit_ledger for select to authenticated using ((select public.is_admin_user()));
create policy own_select on public.credit_ledger for select to authenticated using (user_id = (select auth.uid()));

-- Functions are callable by everyone unless told otherwise.
revoke all on all functions in schema stepscope from public, anon, authenticated, service_role;
revoke all on function public.is_admin_user(), public.ingest(jsonb), public.run_changes(text, bigint, int), public.claim_run(text, text[]),
  public.hold_run(text, text), public.settle_command(uuid, text, text, text), public.interrupt_lost_runs(interval, text),
  public.cleanup_old_test_runs(int), public.get_test_run_summary(text) from public, anon, authenticated, service_role;
grant execute on function public.is_admin_user(), public.run_changes(text, bigint, int), public.cleanup_old_test_runs(int),
  public.get_test_run_summary(text) to authenticated, service_role;
grant execute on function public.ingest(jsonb), public.claim_run(text, text[]), public.hold_run(text, text),
  public.settle_command(uuid, text, text, text), public.interrupt_lost_runs(interval, text) to service_role;
-- What column defaults and invoker functions call.
grant execute on function stepscope.uuid_v7(), stepscope.max_change_bytes() to authenticated, service_role;

-- The audit log. Triggers write it, so nothing that reaches these tables escapes it, and nothing takes a row back.

create function stepscope.refuse_change() returns trigger language plpgsql set search_path = '' as $$
begin
  raise exception 'the audit log only grows' using errcode = '42501';
end $$;
create trigger append_only before update or delete or truncate on public.audit_log
  for each statement execute function stepscope.refuse_change();

-- Arguments: what the row is called in an action, the column that names it, the columns worth keeping.
create function stepscope.audit() returns trigger language plpgsql security definer set search_path = '' as $$
declare
  subject jsonb := case when tg_op = 'DELETE' then to_jsonb(old) else to_jsonb(new) end;
  kept jsonb;
begin
  select coalesce(jsonb_object_agg(key, value), '{}') into kept
  from jsonb_each(subject) where key = any (string_to_array(tg_argv[2], ','));
  insert into public.audit_log (actor, actor_role, action, target_table, target_id, details)
  values (auth.uid(), coalesce(nullif(current_setting('role', true), 'none'), session_user),
    tg_argv[0] || '.' || lower(tg_op), tg_table_name, subject ->> tg_argv[1], kept);
  return null;
end $$;

create trigger audit after insert or delete on public.test_execution_runs
  for each row execute function stepscope.audit('run', 'test_run_id', 'pipeline_key,parent_run_id,forked_from_step,model_name,mode,billing,status');
create trigger audit_marks after update on public.test_execution_runs
  for each row when (row (old.bookmarked, old.bookmark_name, old.tags, old.notes) is distinct from row (new.bookmarked, new.bookmark_name, new.tags, new.notes))
  execute function stepscope.audit('run', 'test_run_id', 'bookmarked,bookmark_name,tags,notes');
create trigger audit after insert on public.test_execution_commands
  for each row execute function stepscope.audit('command', 'id', 'test_run_id,verb,payload,sender_name,state,reason');
create trigger audit after insert or update or delete on public.breakpoints
  for each row execute function stepscope.audit('breakpoint', 'id', 'pipeline_key,number,kind,target,enabled');
create trigger audit after insert or update or delete on public.user_roles
  for each row execute function stepscope.audit('role', 'user_id', 'role');
create trigger audit after insert or update or delete on public.models
  for each row execute function stepscope.audit('model', 'model_record_id', 'model_name,provider_ref,cost_credits,is_active');

-- Last, because the functions above are new since the first revoke.
revoke all on function stepscope.refuse_change(), stepscope.audit() from public, anon, authenticated, service_role;
