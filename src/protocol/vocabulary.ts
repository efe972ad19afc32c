import { z } from 'zod';

/** Where a run stands. The last four are final. */
export const RunStatus = z.enum(['pending', 'running', 'paused', 'completed', 'failed', 'cancelled', 'interrupted']);
export type RunStatus = z.infer<typeof RunStatus>;

/** `auto` runs until something stops it, `step` holds before every step, `paused` holds before the next one. */
export const RunMode = z.enum(['auto', 'step', 'paused']);
export type RunMode = z.infer<typeof RunMode>;

/**
 * Where a step stands. `held`: the run waits before it and nothing of it has happened. `reused`: its result
 * was taken from the parent run. `skipped`: its pipeline decided not to run it.
 */
export const StepStatus = z.enum(['pending', 'held', 'running', 'completed', 'failed', 'skipped', 'reused', 'cancelled']);
export type StepStatus = z.infer<typeof StepStatus>;

/** What running a step again does to the world. */
export const Effect = z.enum(['none', 'idempotent', 'external']);
export type Effect = z.infer<typeof Effect>;

export const StepType = z.enum(['main', 'sub', 'log', 'error', 'warning']);
export type StepType = z.infer<typeof StepType>;

/** Severity of a log row, least first. Other spellings are accepted at the door, see `core/levels.ts`. */
export const LogLevel = z.enum(['debug', 'info', 'warn', 'error', 'critical']);
export type LogLevel = z.infer<typeof LogLevel>;

/** Where in the system a step or a log line happened. The long form is stored. */
export const ExecutionContext = z.enum(['client', 'edge_function', 'webhook', 'database', 'server', 'provider']);
export type ExecutionContext = z.infer<typeof ExecutionContext>;

/** What happens to a held run when nobody renews its pause. */
export const OnLeaseEnd = z.enum(['hold', 'continue', 'cancel']);
export type OnLeaseEnd = z.infer<typeof OnLeaseEnd>;

/** `test` writes ledger rows of amount 0 that say what would have been charged; `enforced` charges. */
export const Billing = z.enum(['test', 'enforced']);
export type Billing = z.infer<typeof Billing>;

/** Statuses after which a run never changes again, bookmarks and notes aside. */
export const finalRunStatuses: ReadonlySet<RunStatus> = new Set(['completed', 'failed', 'cancelled', 'interrupted']);
export const finalStepStatuses: ReadonlySet<StepStatus> = new Set(['completed', 'failed', 'skipped', 'reused', 'cancelled']);
