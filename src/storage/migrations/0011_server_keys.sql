-- By which keys this database is served: all servers on it must have the same, or a client of one would be a
-- stranger to the next. One row, and no key in it.
create table stepscope.server_keys (
  singleton boolean primary key default true check (singleton),
  fingerprint text not null,
  since timestamptz not null default now()
);
alter table stepscope.server_keys enable row level security;
revoke all on stepscope.server_keys from public, anon, authenticated, service_role;
