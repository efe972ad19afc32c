-- What forks cost that charged through the context, and numbers of breakpoints that never come back.

create or replace function public.fork_facts(run_id text) returns jsonb language sql stable security invoker set search_path = '' as $$
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
  entries as (
    select e.step_key, -(entry ->> 'amount')::double precision as charged, (entry ->> 'would_have_charged')::double precision as would
    from public.recorded_exchanges e
      cross join lateral jsonb_array_elements(
        case jsonb_typeof(e.request -> 'body') when 'array' then e.request -> 'body' when 'object' then jsonb_build_array(e.request -> 'body') else '[]' end) as entry
    where e.test_run_id = run_id and e.kind = 'database' and e.method = 'POST' and e.url like '%/rest/v1/credit_ledger%' and e.status between 200 and 299
      and jsonb_typeof(entry -> 'amount') = 'number'),
  -- `context.charge` leaves a line. A step that also wrote into the ledger has told the same charge twice: the ledger is right.
  said as (
    select l.step_key, (l.metadata ->> 'charged')::double precision as credits
    from public.test_execution_logs l
    where l.test_run_id = run_id and jsonb_typeof(l.metadata -> 'charged') = 'number'
      and not exists (select from entries e where e.step_key = l.step_key)),
  charges as (
    select step_key, charged, would from entries
    union all
    select said.step_key, case r.billing when 'test' then 0 else said.credits end, case r.billing when 'test' then said.credits else 0 end
    from said cross join (select billing from public.test_execution_runs where test_run_id = run_id) r)
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

-- The reasons of old runs name breakpoints by number: one that was removed must not become another.
create table stepscope.breakpoint_numbers (
  pipeline_key text primary key,
  last int not null
);
alter table stepscope.breakpoint_numbers enable row level security;
revoke all on stepscope.breakpoint_numbers from public, anon, authenticated, service_role;
insert into stepscope.breakpoint_numbers select pipeline_key, max(number) from public.breakpoints group by pipeline_key;

create or replace function stepscope.next_breakpoint_number(pipeline text) returns int language sql security definer set search_path = '' as $$
  select 1 + greatest(
    coalesce((select max(number) from public.breakpoints where pipeline_key = pipeline), 0),
    coalesce((select last from stepscope.breakpoint_numbers where pipeline_key = pipeline), 0))
$$;

create or replace function stepscope.before_breakpoint() returns trigger language plpgsql security definer set search_path = '' as $$
begin
  -- One at a time, or two people get the same number.
  perform pg_advisory_xact_lock(hashtextextended('stepscope.breakpoints:' || new.pipeline_key, 0));
  new.id := coalesce(new.id, stepscope.uuid_v7());
  new.number := coalesce(new.number, stepscope.next_breakpoint_number(new.pipeline_key));
  insert into stepscope.breakpoint_numbers as known values (new.pipeline_key, new.number)
    on conflict (pipeline_key) do update set last = greatest(known.last, excluded.last);
  new.enabled := coalesce(new.enabled, true);
  new.created_by := coalesce(auth.uid(), new.created_by);
  new.created_at := coalesce(new.created_at, now());
  new.updated_at := now();
  return new;
end $$;

select stepscope.remember_schema();
