-- Forks, families and replays.

-- Two exchanges of one number are no reason to refuse a batch: who takes a run over may not know how far it had come.
alter table public.recorded_exchanges drop constraint recorded_exchanges_test_run_id_ordinal_key;
create index exchanges_by_run on public.recorded_exchanges (test_run_id, ordinal, id);

-- Takes the latest snapshots of some steps over into a fork, with the blobs they name, without their leaving the database.
create function public.copy_snapshots(run_id text, holder text, parent_id text, step_keys text[]) returns int
language plpgsql security definer set search_path = '' as $$
declare
  n int;
begin
  perform from public.test_execution_runs where test_run_id = run_id and holder_id = holder for no key update;
  if not found then
    raise exception 'holder_lost' using errcode = 'PT409', detail = format('run %s is not held by %s', run_id, holder);
  end if;
  insert into public.snapshot_blobs (test_run_id, hash, encoding, body, bytes)
    select run_id, b.hash, b.encoding, b.body, b.bytes from public.snapshot_blobs b
    where b.test_run_id = parent_id and b.hash in (
      select named.value from (select distinct on (s.step_key) s.* from public.test_execution_snapshots s
        where s.test_run_id = parent_id and s.step_key = any(step_keys) order by s.step_key, s.attempt desc, s.id desc) c
        cross join lateral (values (c.state_before), (c.state_after), (c.inputs), (c.outputs)) as states (state)
        cross join lateral jsonb_each_text(case when jsonb_typeof(state -> 'blobs') = 'object' then state -> 'blobs' else '{}' end) as named)
    on conflict (test_run_id, hash) do nothing;
  insert into public.test_execution_snapshots (
      id, test_run_id, step_key, step_number, step_name, attempt, state_before, state_after, inputs, outputs, source_code, source_line,
      highlight_from, highlight_to, function_name, file_path, can_edit, can_rerun, is_edited, started_at, completed_at, duration_ms)
    select stepscope.uuid_v7(), run_id, step_key, step_number, step_name, 1, state_before, state_after, inputs, outputs, source_code, source_line,
      highlight_from, highlight_to, function_name, file_path, can_edit, can_rerun, is_edited, started_at, completed_at, duration_ms
    from (select distinct on (s.step_key) s.* from public.test_execution_snapshots s
      where s.test_run_id = parent_id and s.step_key = any(step_keys) order by s.step_key, s.attempt desc, s.id desc) c;
  get diagnostics n = row_count;
  return n;
end $$;

-- What a fork of a run can begin with and what running its steps again meant the last time: facts for `core/fork-plan.ts`.
create function public.fork_facts(run_id text) returns jsonb language sql stable security invoker set search_path = '' as $$
  with latest as (
    select distinct on (s.step_key) s.* from public.test_execution_snapshots s
    where s.test_run_id = run_id order by s.step_key, s.attempt desc, s.id desc),
  lost as (
    select l.step_key, named.key from latest l
      cross join lateral jsonb_each(case when jsonb_typeof(l.inputs -> 'inline') = 'object' then l.inputs -> 'inline' else '{}' end) as named
      where jsonb_path_exists(named.value, '$.**."$truncated"')
    union all
    select l.step_key, named.key from latest l
      cross join lateral jsonb_each_text(case when jsonb_typeof(l.inputs -> 'blobs') = 'object' then l.inputs -> 'blobs' else '{}' end) as named
      where not exists (select from public.snapshot_blobs b where b.test_run_id = run_id and b.hash = named.value)),
  charges as (
    select e.step_key, -(entry ->> 'amount')::double precision as charged, (entry ->> 'would_have_charged')::double precision as would
    from public.recorded_exchanges e
      cross join lateral jsonb_array_elements(
        case jsonb_typeof(e.request -> 'body') when 'array' then e.request -> 'body' when 'object' then jsonb_build_array(e.request -> 'body') else '[]' end) as entry
    where e.test_run_id = run_id and e.kind = 'database' and e.method = 'POST' and e.url like '%/rest/v1/credit_ledger%' and e.status between 200 and 299
      and jsonb_typeof(entry -> 'amount') = 'number')
  select jsonb_build_object(
    'steps', (select coalesce(jsonb_agg(jsonb_build_object('step_key', l.step_key, 'has_inputs', l.inputs is not null,
        'has_state_before', l.state_before is not null, 'has_state_after', l.state_after is not null,
        'lost', (select coalesce(jsonb_agg(distinct lost.key), '[]') from lost where lost.step_key = l.step_key))), '[]') from latest l),
    'charges', (select coalesce(jsonb_agg(c), '[]') from (
        select step_key, sum(charged) as charged, sum(coalesce(would, 0)) as would_have_charged from charges where step_key is not null group by step_key) c),
    'asked', (select coalesce(jsonb_agg(a), '[]') from (
        select step_key, count(*) filter (where kind = 'provider' and method = 'POST') as provider_calls, count(*) as exchanges from public.recorded_exchanges
        where test_run_id = run_id and step_key is not null and kind in ('provider', 'fetch', 'webhook') group by step_key) a),
    'is_recorded', exists (select from public.recorded_exchanges where test_run_id = run_id))
$$;

-- The runs that some runs were forked from, and all that were forked from these: at most `max_rows`, those asked for and their
-- ancestors first.
create function public.run_families(run_ids text[], max_rows int default 200) returns setof public.test_execution_runs
language sql stable security invoker set search_path = '' as $$
  with recursive up as (
    select r.test_run_id, r.parent_run_id, 0 as distance from public.test_execution_runs r where r.test_run_id = any(run_ids)
    union
    select p.test_run_id, p.parent_run_id, up.distance + 1 from up join public.test_execution_runs p on p.test_run_id = up.parent_run_id
      where up.distance < 100),
  down as (
    select distinct up.test_run_id, 0 as distance from up
    union
    select c.test_run_id, down.distance + 1 from down join public.test_execution_runs c on c.parent_run_id = down.test_run_id
      where down.distance < 100)
  select r.* from public.test_execution_runs r where r.test_run_id in (select test_run_id from down)
  order by r.test_run_id in (select test_run_id from up) desc, r.created_at desc limit least(greatest(1, coalesce(max_rows, 200)), 1000)
$$;

revoke all on function public.copy_snapshots(text, text, text, text[]), public.fork_facts(text), public.run_families(text[], int)
  from public, anon, authenticated, service_role;
grant execute on function public.copy_snapshots(text, text, text, text[]) to service_role;
grant execute on function public.fork_facts(text), public.run_families(text[], int) to authenticated, service_role;
