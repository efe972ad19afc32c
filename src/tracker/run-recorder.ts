import { AsyncLocalStorage } from 'node:async_hooks';
import { encodeObject } from '../core/encode-value.ts';
import { AWAITS_APPROVAL } from '../core/command-rules.ts';
import { createMasker } from '../core/mask.ts';
import type { JsonObject, PatchOperation } from '../protocol/json.ts';
import { UserError } from '../protocol/error.ts';
import { limits } from '../protocol/limits.ts';
import type { RunStatus } from '../protocol/vocabulary.ts';
import { finalRunStatuses, finalStepStatuses } from '../protocol/vocabulary.ts';
import { breakScope, statePart } from './break-facts.ts';
import { clockAt } from './clock-at.ts';
import { editedInputs } from './edited-inputs.ts';
import { createExchangeWriter } from './exchange-writer.ts';
import { createGateKeeper } from './gate-keeper.ts';
import type { RunPatch, WrittenLog, WrittenSnapshot, WrittenStep } from './make-rows.ts';
import { leaseLogRow, logRow, maskRun, maskSpec, snapshotRow, stepRow } from './make-rows.ts';
import type { OpenStep, RecorderOptions, RunRecorder } from './recorder.ts';
import type { Rows } from './sink.ts';
import { createSnapshotWriter } from './snapshot-writer.ts';
import type { StepSpec } from './step-spec.ts';
import { lossAtHold } from './taken-up.ts';
import { readUsage } from './usage.ts';

interface Opened {
  readonly id: string;
  readonly spec: StepSpec;
  inputs: Record<string, unknown>;
  isEdited: boolean;
  row: WrittenStep;
  snapshot: WrittenSnapshot;
  heldMs: number;
  startedMs: number;
  usage: ReturnType<typeof readUsage> | undefined;
  /** As the program gave them, for conditions. */
  outputs: unknown;
  state: (() => unknown) | undefined;
}

const within = new AsyncLocalStorage<{ readonly runId: string; readonly step: Opened }>();

/** Starts recording a run. Nothing is written before the first step or line. */
export function createRunRecorder(options: RecorderOptions): RunRecorder {
  const { runId, link } = options;
  const masker = options.masker ?? createMasker();
  const snapshots = createSnapshotWriter(runId, masker);
  const steps = new Map<string, Opened>();
  const exchanges = createExchangeWriter({ runId, masker, snapshots, first: options.firstExchange ?? 0 });
  const { takenUp } = options;
  let status: RunStatus = takenUp === undefined ? 'pending' : 'paused';
  let startedMs = takenUp?.startedAt == null ? 0 : clockAt(takenUp.startedAt);
  /** May another process take the run up where it is held now? */
  let isShared = false;
  /** Why not, where it was told. */
  const toldLosses = new Set<string>();
  let ordinal = 0;
  let generationId = options.generationId ?? null;
  let completedSteps = 0;
  let closed: Promise<void> | undefined;
  /** What the program last showed of its state. */
  let latestState: (() => unknown) | undefined;
  let runFacts: JsonObject = { test_run_id: runId, mode: options.mode, ...options.run };

  const write = (rows: Rows) => {
    link.sink.write(rows);
    options.onRows?.(rows);
  };
  const writeStep = (step: Opened, change: Partial<WrittenStep>, more: Rows = {}) => {
    step.row = { ...step.row, ...change };
    write({ ...more, steps: [step.row] });
  };
  const withSnapshot = (step: Opened, change: Partial<WrittenSnapshot>, blobs: Rows['blobs'] = []): Rows => {
    step.snapshot = { ...step.snapshot, ...change };
    return { snapshots: [step.snapshot], ...(blobs.length > 0 ? { blobs } : {}) };
  };
  /** What is stored of a value; what is too large to be is told in the log, for nobody can go on from it. */
  const stateOf = (step: Opened, value: unknown) => {
    const written = snapshots.state(value);
    for (const { path, size } of written.truncated.slice(0, 5)) {
      recorder.log({ level: 'warn', message: `${path} is too large to be recorded (${size.toLocaleString('en')}): its step cannot be run again from here`, metadata: { truncated: path } }, step);
    }
    return written;
  };
  const patchRun = (patch: RunPatch) => {
    if (patch.generation_id !== undefined) generationId = patch.generation_id;
    if (patch.status !== undefined) status = patch.status;
    runFacts = { ...runFacts, ...(patch as JsonObject) };
    write({ run: maskRun(patch, masker) });
  };

  const keeper = createGateKeeper({
    controls: link.controls,
    mode: options.mode,
    breakAt: options.breakAt ?? [],
    onLeaseEnd: options.onLeaseEnd ?? 'hold',
    leaseMs: options.leaseMs ?? limits.leaseMs,
    startsHeld: takenUp !== undefined,
    pauseAt: takenUp?.pauseAt,
    isShared: () => isShared,
    status: () => status,
    steps: () => [...steps.values()].map((step) => step.row),
    onMode: (mode) => patchRun({ mode }),
    onHold: (stepId, hold) => {
      const step = steps.get(stepId)!;
      const isBefore = !finalStepStatuses.has(step.row.status);
      const asks = hold.approval === null ? {} : { metadata: { ...step.row.metadata, [AWAITS_APPROVAL]: masker.text(hold.approval) } };
      if (isBefore) writeStep(step, { status: 'held', ...asks });
      else if (hold.approval !== null) writeStep(step, asks);
      isShared = isBefore && canBeTakenUp(step);
      patchRun({
        status: 'paused',
        current_step: step.spec.key,
        pause_reason: hold.reason,
        paused_by: hold.by,
        paused_at: hold.since ?? new Date().toISOString(),
        lease_until: hold.leaseUntil,
        ...(options.isResumable === undefined ? {} : { resumable: isShared }),
      });
    },
    onLease: (leaseUntil, by) => patchRun({ lease_until: leaseUntil, ...(by === undefined ? {} : { paused_by: by }) }),
    onRelease: (stepId, heldMs) => {
      const step = steps.get(stepId)!;
      step.heldMs += heldMs;
      const { [AWAITS_APPROVAL]: _, ...metadata } = step.row.metadata;
      writeStep(step, { ...(step.row.status === 'held' ? { status: 'pending' as const } : {}), held_ms: step.heldMs, metadata });
      isShared = false;
      if (!finalRunStatuses.has(status))
        patchRun({ status: 'running', pause_reason: null, paused_by: null, paused_at: null, lease_until: null });
    },
    onEdit: (stepId, patch) => edit(steps.get(stepId)!, patch),
    onLeaseEnded: (what) => storeLog(leaseLogRow(runId, generationId, what, masker), undefined),
    onCancel: options.onCancel,
    scopeOf: (stepId, extra) => {
      const step = stepId === null ? undefined : steps.get(stepId);
      return breakScope({ masker, step, state: (step?.state ?? latestState)?.(), run: { ...runFacts, status, charged: keeper.charged() }, ...extra });
    },
    onLine: (stepId, { level, message, number }) => {
      recorder.log({ level, message, metadata: { breakpoint: number } }, stepId === null ? undefined : steps.get(stepId));
    },
  });

  const canBeTakenUp = (step: Opened): boolean => {
    if (options.isResumable?.(step.spec) !== true) return false;
    // What runs beside it would run again.
    if ([...steps.values()].some(({ row, spec }) => row.status === 'running' && !step.spec.key.startsWith(`${spec.key}.`))) return false;
    const loss = lossAtHold(step.inputs, step.state?.(), masker);
    if (loss === undefined) return true;
    const why = `${loss.path.slice(1).replaceAll('/', '.')} ${loss.what}`;
    if (!toldLosses.has(why)) recorder.log({ level: 'info', message: `Held here the run ends with its program: ${why}`, metadata: { loss: loss.path } }, step);
    toldLosses.add(why);
    return false;
  };

  const edit = (step: Opened, patch: readonly PatchOperation[]): string | undefined => {
    const edited = editedInputs(step.inputs, patch, step.spec.inputSchema);
    if ('refused' in edited) return edited.refused;
    setInputs(step, edited.inputs, true);
    return undefined;
  };

  const setInputs = (step: Opened, inputs: Record<string, unknown>, isEdited: boolean) => {
    step.inputs = inputs;
    step.isEdited ||= isEdited;
    const { manifest, blobs } = stateOf(step, inputs);
    // A row that says the same as before is no news to anyone: the count makes a second edit one.
    const { edits } = step.row.metadata;
    writeStep(
      step,
      { is_edited: step.isEdited, metadata: { ...step.row.metadata, edits: (typeof edits === 'number' ? edits : 0) + 1 } },
      withSnapshot(step, { inputs: manifest, is_edited: step.isEdited }, blobs as Rows['blobs']),
    );
    if (step.row.status !== 'held' || isShared === canBeTakenUp(step)) return;
    isShared = !isShared;
    patchRun({ resumable: isShared });
  };

  const open = (declared: StepSpec, inputs: unknown): Opened => {
    const spec = maskSpec(declared, masker);
    const earlier = takenUp?.open.find(({ step }) => step.step_key === spec.key && !steps.has(step.id));
    const row = earlier?.step ?? stepRow(runId, spec, spec.ordinal ?? ordinal);
    ordinal = Math.max(ordinal, row.ordinal) + 1;
    const real =
      inputs !== null && typeof inputs === 'object' && !Array.isArray(inputs)
        ? { ...inputs }
        : inputs === undefined || inputs === null
          ? {}
          : { value: inputs };
    const step: Opened = {
      id: row.id,
      spec,
      inputs: real as Record<string, unknown>,
      isEdited: row.is_edited,
      row,
      snapshot: earlier?.snapshot ?? snapshotRow(runId, spec),
      heldMs: row.held_ms ?? 0,
      startedMs: row.started_at === null ? 0 : clockAt(row.started_at),
      usage: undefined,
      outputs: undefined,
      state: undefined,
    };
    steps.set(step.id, step);
    return step;
  };

  const opened = (step: OpenStep): Opened => {
    const found = steps.get(step.id);
    if (found === undefined) throw new Error(`step ${step.id} is of another run`);
    return found;
  };

  const begin = () => {
    if (status !== 'pending') return;
    startedMs = performance.now();
    patchRun({ status: 'running', started_at: new Date().toISOString() });
  };

  const finish = (step: Opened, change: Partial<WrittenStep>, snapshot: Partial<WrittenSnapshot>, blobs: Rows['blobs'] = []) => {
    if (finalStepStatuses.has(step.row.status)) return;
    keeper.ended(step.id);
    const completedAt = new Date().toISOString();
    const used = step.usage === undefined ? undefined : readUsage(step.usage);
    const durationMs = step.startedMs === 0 ? null : Math.max(0, performance.now() - step.startedMs);
    const timing = { completed_at: completedAt, duration_ms: durationMs };
    const isCounted = step.spec.depth === 0 && (change.status === 'completed' || change.status === 'skipped');
    if (isCounted) completedSteps += 1;
    writeStep(
      step,
      { ...timing, cpu_ms: used?.cpuMs ?? null, memory_bytes: used?.memoryBytes ?? null, ...change },
      withSnapshot(step, { ...timing, ...snapshot }, blobs),
    );
    if (isCounted) patchRun({ completed_steps: completedSteps });
  };

  const storeLog = (row: WrittenLog, at: Pick<OpenStep, 'id' | 'spec'> | undefined): WrittenLog => {
    write({ logs: [row] });
    // What breakpoints write must not meet them again.
    if (row.metadata['breakpoint'] === undefined) keeper.logged(at?.id ?? null, at?.spec ?? null, row, row);
    return row;
  };

  const recorder: RunRecorder = {
    runId,
    signal: keeper.signal,
    status: () => status,
    canBeTakenUp: () => isShared,
    listen: () => keeper.listen(),
    patchRun,
    begin,
    open,

    checkpoint: async (step, state) => {
      begin();
      const here = opened(step);
      if (finalStepStatuses.has(here.row.status)) return { inputs: here.inputs, isEdited: here.isEdited };
      const now = state === undefined ? undefined : once(state);
      if (now !== undefined) latestState = here.state = now;
      const beforeHold = () => {
        // Whoever looks at a held step must find its inputs and the state it would start from.
        const inputs = stateOf(here, here.inputs);
        const before = now === undefined ? undefined : stateOf(here, now());
        const blobs = [...inputs.blobs, ...(before?.blobs ?? [])];
        write({
          steps: [here.row],
          ...withSnapshot(here, { inputs: inputs.manifest, ...(before === undefined ? {} : { state_before: before.manifest }) }, blobs),
        });
      };
      if (takenUp !== undefined && here.row.status === 'held') await keeper.holdAgain(here.id, here.spec, takenUp.hold);
      else await keeper.checkpoint(here.id, here.spec, beforeHold, now === undefined ? undefined : statePart(now, masker));
      return { inputs: here.inputs, isEdited: here.isEdited };
    },
    setInputs: (step, inputs) => setInputs(opened(step), (inputs ?? {}) as Record<string, unknown>, true),
    start: (step, stateBefore) => {
      begin();
      const here = opened(step);
      // One that another process has started goes on; one that it has ended is over.
      if (here.row.status === 'running' || finalStepStatuses.has(here.row.status)) return;
      const startedAt = new Date().toISOString();
      const inputs = stateOf(here, here.inputs);
      const before = stateBefore === undefined ? undefined : stateOf(here, stateBefore);
      const snapshot = withSnapshot(
        here,
        { inputs: inputs.manifest, started_at: startedAt, ...(before === undefined ? {} : { state_before: before.manifest }) },
        [...inputs.blobs, ...(before?.blobs ?? [])],
      );
      here.startedMs = performance.now();
      here.usage = readUsage();
      writeStep(here, { status: 'running', started_at: startedAt, held_ms: here.heldMs > 0 ? here.heldMs : null }, snapshot);
      patchRun({ current_step: here.spec.key });
      if (stateBefore !== undefined) latestState = here.state = () => stateBefore;
      keeper.started(here.id, here.spec);
    },
    complete: (step, { outputs, stateAfter, metadata }) => {
      const out = outputs === undefined ? undefined : stateOf(opened(step), outputs);
      const after = stateAfter === undefined ? undefined : stateOf(opened(step), stateAfter);
      const more = metadata === undefined ? {} : { metadata: masker.json(encodeObject(metadata)) as JsonObject };
      finish(
        opened(step),
        { status: 'completed', ...more },
        { ...(out === undefined ? {} : { outputs: out.manifest }), ...(after === undefined ? {} : { state_after: after.manifest }) },
        [...(out?.blobs ?? []), ...(after?.blobs ?? [])],
      );
      const here = opened(step);
      here.outputs = outputs;
      if (stateAfter !== undefined) latestState = here.state = () => stateAfter;
      keeper.completed(here.id, here.spec, stateAfter === undefined ? undefined : statePart(() => stateAfter, masker));
    },
    fail: (step, error, { isPassedOn = false } = {}) => {
      const here = opened(step);
      if (finalStepStatuses.has(here.row.status)) return;
      const failure = {
        error_message: masker.text(error.message),
        error_stack: error.stack === undefined ? null : masker.text(error.stack),
      };
      finish(here, { status: 'failed', ...failure }, {});
      if (isPassedOn) return;
      recorder.log(
        { level: 'error', type: 'error', message: error.message, data: error.stack === undefined ? undefined : { stack: error.stack } },
        here,
      );
      patchRun({ failed_step: here.spec.key, failed_step_number: here.spec.number, ...failure });
    },
    holdAfter: (step) => keeper.holdAfter(step.id, opened(step).spec),
    holdOnError: (step) => {
      const { spec, row } = opened(step);
      return keeper.holdOnError(step.id, spec, { message: row.error_message ?? '', stack: row.error_stack });
    },
    skip: (step, reason) => {
      finish(opened(step), { status: 'skipped', metadata: { skipped: masker.text(reason) } }, {});
    },
    cancelStep: (step) => finish(opened(step), { status: 'cancelled' }, {}),
    reuse: (spec, from) => {
      const step = open(spec, from.inputs);
      const [inputs, outputs, before, after] = [from.inputs, from.outputs, from.stateBefore, from.stateAfter].map((value) =>
        snapshots.state(value),
      );
      const blobs = [inputs, outputs, before, after].flatMap((one) => one!.blobs);
      const snapshot = withSnapshot(
        step,
        {
          inputs: inputs!.manifest,
          outputs: outputs!.manifest,
          state_before: before!.manifest,
          state_after: after!.manifest,
          duration_ms: from.durationMs,
        },
        blobs,
      );
      if (spec.depth === 0) completedSteps += 1;
      writeStep(step, { status: 'reused', reused_from_run_id: from.runId, duration_ms: from.durationMs }, snapshot);
      patchRun({ completed_steps: completedSteps });
      return step;
    },

    within: (step, work) => within.run({ runId, step: opened(step) }, work),
    currentStep: () => {
      const current = within.getStore();
      return current?.runId === runId ? current.step : undefined;
    },
    log: (entry, step) => {
      const at = step ?? recorder.currentStep();
      return storeLog(logRow(runId, generationId, entry, at?.spec, masker), at);
    },

    exchange: (asked) => {
      const { answered, isFull } = exchanges.begin(asked, recorder.currentStep()?.spec);
      if (isFull) recorder.log({ level: 'warn', message: `More than ${limits.runExchanges.toLocaleString('en')} exchanges: what follows is not recorded, and the run cannot be replayed` });
      return (answer) => {
        const rows = answered(answer);
        if (rows.exchanges !== undefined) write(rows);
      };
    },

    charge: (credits) => {
      if (!Number.isFinite(credits) || credits < 0) throw new UserError('usage', `a charge is a number of credits, not ${credits}`);
      const step = recorder.currentStep();
      const sum = keeper.charge(credits, step?.id ?? null, step?.spec ?? null);
      recorder.log({ level: 'debug', message: `Charged ${credits} credits, ${sum} in all`, metadata: { charged: credits } }, step);
      return sum;
    },

    steer: keeper.steer,
    toggleBreakAt: keeper.toggleBreakAt,
    breakAt: keeper.breakAt,
    cancel: (by) => keeper.cancel(by),

    end: async (ending, failure) => {
      if (!finalRunStatuses.has(status)) {
        keeper.release();
        for (const reason of ending === 'cancelled' ? [] : keeper.missed()) {
          recorder.log({ level: 'info', message: `${reason}: the run ended before it could be held`, metadata: { breakpoint: true } });
        }
        for (const step of steps.values()) {
          if (!finalStepStatuses.has(step.row.status) && step.row.status !== 'pending')
            finish(step, { status: ending === 'completed' ? 'completed' : 'cancelled' }, {});
        }
        const failed =
          failure === undefined
            ? {}
            : {
                error_message: failure.message,
                error_stack: failure.stack ?? null,
                ...(failure.step === undefined ? {} : { failed_step: failure.step.spec.key, failed_step_number: failure.step.spec.number }),
              };
        const durationMs = startedMs === 0 ? null : performance.now() - startedMs;
        patchRun({
          status: ending,
          completed_at: new Date().toISOString(),
          total_duration_ms: durationMs,
          ...(ending === 'completed' ? { current_step: null } : {}),
          pause_reason: null,
          paused_by: null,
          paused_at: null,
          lease_until: null,
          ...failed,
        });
      }
      await link.sink.flush();
    },
    flush: () => link.sink.flush(),
    close: () =>
      (closed ??= Promise.resolve().then(() => {
        keeper.close();
        return link.sink.close();
      })),
  };
  return recorder;
}

/** Asks at most once: a program's state may cost something to tell. */
function once(ask: () => unknown): () => unknown {
  let told: { readonly value: unknown } | undefined;
  return () => (told ??= { value: ask() }).value;
}
