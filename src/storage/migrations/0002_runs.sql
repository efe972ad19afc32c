-- What a run leaves behind. The names and columns of the seed documents, and more: whoever knows only
-- theirs can insert with theirs. `protocol/rows.ts` says what each column means.

create table public.test_execution_runs (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null unique default stepscope.uuid_v7()::text check (octet_length(test_run_id) between 1 and 200),
  parent_run_id text references public.test_execution_runs (test_run_id) on delete set null,
  forked_from_step text,
  fork_patch jsonb,
  pipeline_key text,
  pipeline_version text,
  step_tree jsonb,
  inputs jsonb not null default '{}',
  model_record_id text,
  model_name text,
  model_provider text,
  model_content_type text,
  -- No foreign key: deleting a user must not touch what was run.
  admin_user_id uuid,
  generation_id text,
  job_id text,
  status text not null default 'pending'
    check (status in ('pending', 'running', 'paused', 'completed', 'failed', 'cancelled', 'interrupted')),
  mode text not null default 'auto' check (mode in ('auto', 'step', 'paused')),
  total_steps int not null default 0 check (total_steps >= 0),
  completed_steps int not null default 0 check (completed_steps >= 0),
  current_step text,
  failed_step_number int,
  failed_step text,
  error_message text,
  error_stack text,
  execution_data jsonb not null default '{}',
  test_mode_enabled boolean not null default true,
  skip_billing boolean not null default true,
  billing text not null default 'test' check (billing in ('test', 'enforced')),
  bookmarked boolean not null default false,
  bookmark_name text,
  tags text[] not null default '{}',
  notes text,
  environment text,
  client_version text,
  user_agent text,
  git_commit text,
  pause_reason text,
  paused_by text,
  paused_at timestamptz,
  lease_until timestamptz,
  on_lease_end text not null default 'hold' check (on_lease_end in ('hold', 'continue', 'cancel')),
  holder_id text,
  holder_heartbeat_at timestamptz,
  log_counts jsonb not null default '{}',
  started_at timestamptz,
  completed_at timestamptz,
  total_duration_ms double precision,
  seq bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- One counter a run, over its run, step, log and command rows. Its row lock, held to the commit, is what
-- makes the order of numbers the order of commits. `first_seq`: log rows below it may be gone.
-- Deferred, because a run takes its first number before its row is there.
create table public.run_sequences (
  test_run_id text primary key
    references public.test_execution_runs (test_run_id) on delete cascade deferrable initially deferred,
  next_seq bigint not null default 1,
  first_seq bigint not null default 0
);

create table public.test_execution_steps (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  step_key text not null check (octet_length(step_key) <= 400),
  parent_step_key text,
  display text not null,
  step_number int not null default 0,
  ordinal int not null default 0,
  attempt int not null default 1 check (attempt > 0),
  step_name text not null,
  description text,
  step_type text not null default 'main' check (step_type in ('main', 'sub', 'log', 'error', 'warning')),
  execution_context text not null default 'client'
    check (execution_context in ('client', 'edge_function', 'webhook', 'database', 'server', 'provider')),
  function_name text,
  file_path text,
  status text not null default 'pending'
    check (status in ('pending', 'held', 'running', 'completed', 'failed', 'skipped', 'reused', 'cancelled')),
  effect text not null default 'none' check (effect in ('none', 'idempotent', 'external')),
  is_edited boolean not null default false,
  can_edit boolean not null default true,
  can_rerun boolean not null default true,
  reused_from_run_id text,
  error_message text,
  error_stack text,
  started_at timestamptz,
  completed_at timestamptz,
  duration_ms double precision,
  held_ms double precision,
  cpu_ms double precision,
  memory_bytes double precision,
  metadata jsonb not null default '{}',
  seq bigint not null,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (test_run_id, step_key, attempt)
);

create table public.test_execution_logs (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  generation_id text,
  step_key text,
  step_number int,
  parent_step_number int,
  step_name text,
  step_type text not null default 'log' check (step_type in ('main', 'sub', 'log', 'error', 'warning')),
  log_level text not null default 'info' check (log_level in ('debug', 'info', 'warn', 'error', 'critical')),
  message text not null,
  data jsonb,
  metadata jsonb not null default '{}',
  execution_context text not null default 'client'
    check (execution_context in ('client', 'edge_function', 'webhook', 'database', 'server', 'provider')),
  function_name text,
  file_path text,
  line_number int,
  duration_ms double precision,
  "timestamp" timestamptz not null default now(),
  seq bigint not null,
  created_at timestamptz not null default now()
);

create table public.test_execution_snapshots (
  id uuid primary key default stepscope.uuid_v7(),
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  step_key text not null check (octet_length(step_key) <= 400),
  step_number int not null default 0,
  step_name text,
  attempt int not null check (attempt > 0),
  state_before jsonb,
  state_after jsonb,
  inputs jsonb,
  outputs jsonb,
  source_code text,
  source_line int,
  highlight_from int,
  highlight_to int,
  function_name text,
  file_path text,
  can_edit boolean not null default true,
  can_rerun boolean not null default true,
  is_edited boolean not null default false,
  started_at timestamptz,
  completed_at timestamptz,
  duration_ms double precision,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (test_run_id, step_key, attempt)
);

create table public.snapshot_blobs (
  test_run_id text not null references public.test_execution_runs (test_run_id) on delete cascade,
  hash text not null check (octet_length(hash) <= 200),
  encoding text not null default 'json' check (encoding in ('json', 'gzip+base64')),
  body text not null,
  bytes bigint not null default 0 check (bytes >= 0),
  created_at timestamptz not null default now(),
  primary key (test_run_id, hash)
);

create table public.test_execution_comparisons (
  id uuid primary key default stepscope.uuid_v7(),
  comparison_name text,
  description text,
  run_ids text[] not null default '{}',
  differences_summary jsonb not null default '{}',
  performance_delta jsonb not null default '{}',
  created_by uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

-- Newest first, and the same within one status, one pipeline, one model, one parent.
create index runs_newest on public.test_execution_runs (created_at desc, id desc);
create index runs_by_status on public.test_execution_runs (status, created_at desc);
create index runs_by_pipeline on public.test_execution_runs (pipeline_key, created_at desc);
create index runs_by_model on public.test_execution_runs (model_record_id, created_at desc) where model_record_id is not null;
create index runs_by_parent on public.test_execution_runs (parent_run_id) where parent_run_id is not null;
create index runs_by_generation on public.test_execution_runs (generation_id) where generation_id is not null;
create index runs_bookmarked on public.test_execution_runs (created_at desc) where bookmarked;
create index runs_by_tag on public.test_execution_runs using gin (tags);
-- What runners ask for, and what looks for lost holders: small however long the history is.
create index runs_pending on public.test_execution_runs (created_at) where status = 'pending';
create index runs_held on public.test_execution_runs (holder_id) where status in ('running', 'paused');

create unique index steps_in_order on public.test_execution_steps (test_run_id, seq);

create unique index logs_in_order on public.test_execution_logs (test_run_id, seq);
create index logs_by_level on public.test_execution_logs (test_run_id, log_level, seq);
create index logs_by_step on public.test_execution_logs (test_run_id, step_key, seq);

create index comparisons_newest on public.test_execution_comparisons (created_at desc);
create index comparisons_by_run on public.test_execution_comparisons using gin (run_ids);
