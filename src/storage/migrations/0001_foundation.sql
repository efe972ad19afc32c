-- What every later file leans on: the roles and auth functions that a hosted Supabase project already has,
-- our own schema for what the Data API must not show, and the question "is this an admin?".

create schema if not exists stepscope;

do $$
begin
  if not exists (select from pg_roles where rolname = 'anon') then create role anon nologin; end if;
  if not exists (select from pg_roles where rolname = 'authenticated') then create role authenticated nologin; end if;
  if not exists (select from pg_roles where rolname = 'service_role') then create role service_role nologin bypassrls; end if;

  -- The owner takes these roles on for the length of a request.
  if not pg_has_role(current_user, 'anon', 'member') then execute format('grant anon to %I', current_user); end if;
  if not pg_has_role(current_user, 'authenticated', 'member') then execute format('grant authenticated to %I', current_user); end if;
  if not pg_has_role(current_user, 'service_role', 'member') then execute format('grant service_role to %I', current_user); end if;
end $$;

-- A project's own auth functions are left alone. Ours read both places where claims are put: one setting a
-- claim (older PostgREST, the bundled Data API) and one for all.
do $prelude$
begin
  if to_regnamespace('auth') is null then
    create schema auth;
    grant usage on schema auth to anon, authenticated, service_role;
  end if;

  if to_regprocedure('auth.jwt()') is null then
    create function auth.jwt() returns jsonb language sql stable set search_path = '' as $$
      select coalesce(nullif(current_setting('request.jwt.claims', true), ''), '{}')::jsonb
    $$;
  end if;
  if to_regprocedure('auth.uid()') is null then
    create function auth.uid() returns uuid language sql stable set search_path = '' as $$
      select coalesce(
        nullif(current_setting('request.jwt.claim.sub', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub')::uuid
    $$;
  end if;
  if to_regprocedure('auth.role()') is null then
    create function auth.role() returns text language sql stable set search_path = '' as $$
      select coalesce(
        nullif(current_setting('request.jwt.claim.role', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'role')
    $$;
  end if;
  if to_regprocedure('auth.email()') is null then
    create function auth.email() returns text language sql stable set search_path = '' as $$
      select coalesce(
        nullif(current_setting('request.jwt.claim.email', true), ''),
        nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'email')
    $$;
  end if;
end $prelude$;

grant usage on schema public, stepscope to anon, authenticated, service_role;

-- Time in the front, so that rows made together lie together in an index. Postgres 15 has no uuidv7().
create function stepscope.uuid_v7() returns uuid language sql volatile set search_path = '' as $$
  select encode(
    set_bit(set_bit(
      overlay(uuid_send(gen_random_uuid())
        placing substring(int8send((extract(epoch from clock_timestamp()) * 1000)::bigint) from 3) from 1 for 6),
      52, 1), 53, 1),
    'hex')::uuid
$$;

create function stepscope.touch() returns trigger language plpgsql set search_path = '' as $$
begin
  new.updated_at := now();
  return new;
end $$;

-- No foreign key to auth.users: these files run before and without it, and a deleted user's id never comes back.
create table public.user_roles (
  user_id uuid not null,
  role text not null,
  created_at timestamptz not null default now(),
  primary key (user_id, role)
);

-- Definer, or the policy of user_roles would ask itself. Called as (select is_admin_user()), once a statement.
create function public.is_admin_user() returns boolean language sql stable security definer set search_path = '' as $$
  select exists (select from public.user_roles where user_id = (select auth.uid()) and role = 'admin')
$$;
