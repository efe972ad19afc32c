-- What `stepscope doctor` asks. Triggers carry changes to Realtime and policies hide rows without a word, so
-- what these files made is remembered: what is missing, switched off or rewritten can be named and put back.
-- A later file that makes or drops a trigger or a policy ends with `select stepscope.remember_schema();`.

create table stepscope.made_objects (
  kind text not null check (kind in ('trigger', 'policy')),
  table_name text not null,
  name text not null,
  definition text not null,
  primary key (kind, table_name, name)
);
alter table stepscope.made_objects enable row level security;
revoke all on stepscope.made_objects from public, anon, authenticated, service_role;

-- Our triggers, by the schema of their functions, and all policies of public, as statements that make them.
create function stepscope.found_objects() returns table (kind text, table_name text, name text, definition text, enabled boolean)
language sql stable set search_path = '' as $$
  select 'trigger', c.relname::text, t.tgname::text, pg_catalog.pg_get_triggerdef(t.oid), t.tgenabled in ('O', 'A')
  from pg_catalog.pg_trigger t
  join pg_catalog.pg_class c on c.oid = t.tgrelid and c.relnamespace = 'public'::regnamespace
  join pg_catalog.pg_proc p on p.oid = t.tgfoid and p.pronamespace = 'stepscope'::regnamespace
  where not t.tgisinternal
  union all
  select 'policy', p.tablename::text, p.policyname::text,
    pg_catalog.format('create policy %I on public.%I as %s for %s to %s', p.policyname, p.tablename, p.permissive, p.cmd,
      (select pg_catalog.string_agg(case when role = 'public' then 'public' else pg_catalog.quote_ident(role) end, ', ' order by role) from pg_catalog.unnest(p.roles) as role))
      || coalesce(' using (' || p.qual || ')', '') || coalesce(' with check (' || p.with_check || ')', ''), c.relrowsecurity
  from pg_catalog.pg_policies p
  join pg_catalog.pg_class c on c.relname = p.tablename and c.relnamespace = 'public'::regnamespace
  where p.schemaname = 'public'
$$;

-- Every table of ours has the policy `service`; policies of other tables in a shared project are not ours to judge.
create function stepscope.remember_schema() returns void language sql set search_path = '' as $$
  delete from stepscope.made_objects;
  insert into stepscope.made_objects (kind, table_name, name, definition)
  select o.kind, o.table_name, o.name, o.definition from stepscope.found_objects() o
  where o.kind = 'trigger' or exists (select from stepscope.found_objects() s where s.kind = 'policy' and s.table_name = o.table_name and s.name = 'service');
$$;
select stepscope.remember_schema();

-- What is not as it was made, and the statements that put it back.
create function stepscope.spoilt_objects() returns table (kind text, table_name text, name text, problem text, cure text)
language sql stable set search_path = '' as $$
  select m.kind, m.table_name, m.name,
    case when f.name is null then 'is missing' when not f.enabled then 'is switched off' else 'was changed' end,
    case
      when f.name is null then m.definition || ';'
      when not f.enabled and m.kind = 'trigger' then pg_catalog.format('alter table public.%I enable trigger %I;', m.table_name, m.name)
      when not f.enabled then pg_catalog.format('alter table public.%I enable row level security;', m.table_name)
      else pg_catalog.format('drop %s %I on public.%I; %s;', m.kind, m.name, m.table_name, m.definition) end
  from stepscope.made_objects m
  left join stepscope.found_objects() f on f.kind = m.kind and f.table_name = m.table_name and f.name = m.name
  where f.name is null or not f.enabled or f.definition <> m.definition
  order by m.kind, m.table_name, m.name
$$;

-- Policies on our tables that no file of ours made: one more that permits opens a table without a word. Whoever
-- made them may have meant it, so they are named and never dropped by mend_schema().
create function stepscope.foreign_policies() returns table (table_name text, name text, definition text, cure text)
language sql stable set search_path = '' as $$
  select f.table_name, f.name, f.definition, pg_catalog.format('drop policy %I on public.%I;', f.name, f.table_name)
  from stepscope.found_objects() f
  where f.kind = 'policy' and exists (select from stepscope.made_objects m where m.kind = 'policy' and m.table_name = f.table_name)
    and not exists (select from stepscope.made_objects m where m.kind = 'policy' and m.table_name = f.table_name and m.name = f.name)
  order by f.table_name, f.name
$$;

-- Rows are counted up to this: enough to tell none, some and all apart.
create function stepscope.max_counted_rows() returns int language sql immutable set search_path = '' as $$ select 1000 $$;

-- Of one table: how many rows there are, how many somebody sees, and how many each policy lets them see. The
-- policies' own conditions are asked, under the claims of that person. Needs rights on all rows.
create function stepscope.visible_rows(of_table text, as_role text) returns jsonb language plpgsql set search_path = '' as $$
declare
  source text := format('(select * from public.%I limit %s) as %I', of_table, stepscope.max_counted_rows(), of_table);
  bypasses boolean;
  policy record;
  all_rows int;
  passed int;
  allowed text := 'false';
  required text := 'true';
  policies jsonb := '[]';
begin
  execute format('select count(*) from %s', source) into all_rows;
  select r.rolbypassrls or r.rolsuper or not c.relrowsecurity into bypasses from pg_catalog.pg_roles r, pg_catalog.pg_class c
    where r.rolname = as_role and c.oid = format('public.%I', of_table)::regclass;
  for policy in
    select policyname as name, permissive = 'PERMISSIVE' as permissive, coalesce(qual, 'true') as condition from pg_catalog.pg_policies p
    where schemaname = 'public' and tablename = of_table and cmd in ('ALL', 'SELECT')
      and exists (select from unnest(p.roles) as granted where granted = 'public' or pg_catalog.pg_has_role(as_role, granted, 'usage'))
    order by policyname
  loop
    execute format('select count(*) from %s where %s', source, policy.condition) into passed;
    policies := policies || jsonb_build_object('name', policy.name, 'permissive', policy.permissive, 'condition', policy.condition, 'rows', passed);
    if policy.permissive then allowed := format('%s or (%s)', allowed, policy.condition);
    else required := format('%s and (%s)', required, policy.condition);
    end if;
  end loop;
  if bypasses then passed := all_rows;
  else execute format('select count(*) from %s where (%s) and (%s)', source, allowed, required) into passed;
  end if;
  return jsonb_build_object('name', of_table, 'rows', all_rows, 'visible', passed, 'policies', policies,
    'granted', pg_catalog.has_table_privilege(as_role, format('public.%I', of_table), 'select'));
end $$;

-- `person` is an address or an id, null for nobody in particular; `as_role` one of anon, authenticated, service_role.
create function public.diagnose(followed text[], person text default null, as_role text default 'authenticated') returns jsonb
language plpgsql security definer set search_path = '' as $$
declare
  is_id boolean := person ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$';
  person_id uuid := case when is_id then person::uuid end;
  address text := case when not is_id then lower(person) end;
  setting text;
  kept jsonb := '{}';
  facts jsonb;
begin
  perform stepscope.assert_admin_or_service();
  if as_role not in ('anon', 'authenticated', 'service_role') then
    raise exception 'no role %', as_role using errcode = '22023';
  end if;
  if address is not null and to_regclass('auth.users') is not null then
    execute 'select id from auth.users where lower(email) = $1 limit 1' into person_id using address;
  end if;

  facts := jsonb_build_object(
    'postgres', current_setting('server_version_num')::int,
    'migrations', (select coalesce(jsonb_agg(jsonb_build_object('version', version, 'name', name, 'checksum', checksum) order by version), '[]') from stepscope.stepscope_migrations),
    'missing_roles', (select coalesce(jsonb_agg(r.name), '[]') from unnest(array['anon', 'authenticated', 'service_role']) as r (name)
      where not exists (select from pg_catalog.pg_roles p where p.rolname = r.name)),
    'spoilt', (select coalesce(jsonb_agg(to_jsonb(s)), '[]') from stepscope.spoilt_objects() s),
    'foreign_policies', (select coalesce(jsonb_agg(to_jsonb(f)), '[]') from stepscope.foreign_policies() f),
    'unpublished', case when exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then (
      select coalesce(jsonb_agg(f.name), '[]') from unnest(followed) as f (name) where not exists (
        select from pg_catalog.pg_publication_tables p where p.pubname = 'supabase_realtime' and p.schemaname = 'public' and p.tablename = f.name)) end,
    'person', case when person is not null then jsonb_build_object('id', person_id,
      'roles', (select coalesce(jsonb_agg(role), '[]') from public.user_roles where user_id = person_id)) end);

  -- The policies are asked as that person, and the caller's claims are put back.
  foreach setting in array array['request.jwt.claims', 'request.jwt.claim.sub', 'request.jwt.claim.role', 'request.jwt.claim.email'] loop
    kept := kept || jsonb_build_object(setting, coalesce(current_setting(setting, true), ''));
  end loop;
  perform set_config('request.jwt.claims', jsonb_strip_nulls(jsonb_build_object('role', as_role, 'sub', person_id, 'email', address))::text, true),
    set_config('request.jwt.claim.sub', coalesce(person_id::text, ''), true),
    set_config('request.jwt.claim.role', as_role, true), set_config('request.jwt.claim.email', coalesce(address, ''), true);
  facts := facts || jsonb_build_object('tables', (
    select coalesce(jsonb_agg(case
      when to_regclass(format('public.%I', f.name)) is null or not exists (select from stepscope.made_objects m where m.table_name = f.name)
        then jsonb_build_object('name', f.name)
      else stepscope.visible_rows(f.name, as_role) end), '[]') from unnest(followed) as f (name)));
  perform set_config(key, value, true) from jsonb_each_text(kept);
  return facts;
end $$;

-- Puts back what is spoilt, and nothing else. Answers with what it did.
create function public.mend_schema(followed text[]) returns text[] language plpgsql security definer set search_path = '' as $$
declare
  spoilt record;
  unpublished text;
  done text[] := '{}';
begin
  if current_setting('role', true) in ('anon', 'authenticated') then
    raise exception 'this takes a secret key' using errcode = '42501';
  end if;
  -- An audit row that waits for the commit would keep its table from being altered.
  set constraints all immediate;
  for spoilt in select * from stepscope.spoilt_objects() loop
    execute spoilt.cure;
    done := done || format('%s %s of %s %s', spoilt.kind, spoilt.name, spoilt.table_name, spoilt.problem);
  end loop;
  if exists (select from pg_catalog.pg_publication where pubname = 'supabase_realtime') then
    for unpublished in select m.table_name from stepscope.made_objects m
      where m.kind = 'policy' and m.name = 'service' and m.table_name = any (followed) and not exists (
        select from pg_catalog.pg_publication_tables where pubname = 'supabase_realtime' and schemaname = 'public' and tablename = m.table_name)
    loop
      execute format('alter publication supabase_realtime add table public.%I', unpublished);
      done := done || format('table %s was not published', unpublished);
    end loop;
  end if;
  if done <> '{}' then perform stepscope.write_audit('schema.mend', 'made_objects', null, jsonb_build_object('done', done), null); end if;
  return done;
end $$;

revoke all on function stepscope.found_objects(), stepscope.remember_schema(), stepscope.spoilt_objects(), stepscope.foreign_policies(), stepscope.max_counted_rows(),
  stepscope.visible_rows(text, text), public.diagnose(text[], text, text), public.mend_schema(text[]) from public, anon, authenticated, service_role;
grant execute on function public.diagnose(text[], text, text) to authenticated, service_role;
grant execute on function public.mend_schema(text[]) to service_role;
