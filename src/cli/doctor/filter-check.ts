import { z } from 'zod';
import { sampleRows } from '../../client/diagnosis.ts';
import type { Condition, Diagnosis } from '../../client/diagnosis.ts';
import { closest, didYouMean } from '../../core/closest.ts';
import { matchesFilter, parseFilter } from '../../core/filter.ts';
import { plural } from '../../core/format.ts';
import { flattenSteps } from '../../core/step-reference.ts';
import { Json } from '../../protocol/json.ts';
import { UserError } from '../../protocol/error.ts';
import { LogRow } from '../../protocol/rows.ts';
import { parseFilter as parseRealtimeFilter } from '../../server/realtime/filter.ts';
import { countSeenLines } from './access-checks.ts';
import { NotKnown } from './check.ts';
import type { Check, Found } from './check.ts';
import { nameOf } from './subject.ts';
import type { Subject } from './subject.ts';

const maxValuesShown = 5;
const table = 'test_execution_logs';

/**
 * Why a filter shows nothing of a run's log. It is the one of `tail` and the terminal, `level>=warn`, or the one a
 * program subscribes with, `log_level=eq.warn,step_number=gt.3`.
 */
export function filterCheck(subject: Subject, reference: string, text: string): readonly Check[] {
  const { backend, command, hasRights } = subject;
  if (backend === undefined) return [];
  return [
    {
      name: 'filter',
      look: async (signal) => {
        const run = await backend.run(reference);
        const logs = await backend.logs(run.test_run_id);
        const all = { id: run.test_run_id, lines: logs.length };
        if (logs.length === 0 && !hasRights) throw new NotKnown(`run ${all.id} has no line of log that we see`);
        if (logs.length === 0)
          return { result: 'problem', what: `run ${all.id} has no line of log that we see`, command: command(`show ${all.id}`) };
        const passes = async (ids: readonly unknown[], what: string): Promise<Found> => await throughTheirEyes(subject, all.id, ids, what);
        if (isRealtimeFilter(text)) return await lookAtSubscription(backend.diagnosis, all, text, signal, passes);
        const displays = new Map(flattenSteps(run.step_tree ?? []).map((step) => [step.key, step.display]));
        return await lookAtTerms(text, logs, (key) => displays.get(key), passes);
      },
    },
  ];
}

/** Throws `usage` for a filter that cannot be read, or that names a column which no line has. */
export function assertFilter(text: string): void {
  if (!isRealtimeFilter(text)) return void parseFilter(text);
  const columns = Object.keys(LogRow.shape);
  for (const { column } of parseRealtimeFilter(text)) {
    if (columns.includes(column)) continue;
    throw new UserError('usage', `a line of log has no column "${column}"`, {
      hint: didYouMean(column, columns) ?? `There are ${columns.join(', ')}.`,
    });
  }
}

const isRealtimeFilter = (text: string): boolean => /^\s*\w+=(not\.)?[a-z]+\./.test(text);

/** Matching is one thing, seeing another: policies come before every filter. */
async function throughTheirEyes(subject: Subject, runId: string, ids: readonly unknown[], what: string): Promise<Found> {
  if (!subject.isOther) return { result: 'ok', what };
  const name = nameOf(subject.persona);
  const seen = await countSeenLines(subject, runId, ids);
  if (seen === ids.length) return { result: 'ok', what: `${what}, and ${name} sees them` };
  if (seen !== undefined) return { result: 'problem', what: `${what}, of which ${name} sees ${seen === 0 ? 'none' : seen}` };
  return {
    result: 'warning',
    what: `${what}; how many of them ${name} sees, only the database can tell`,
    command: subject.command('doctor --database-url env:DATABASE_URL'),
  };
}

type Passes = (ids: readonly unknown[], what: string) => Promise<Found>;

async function lookAtTerms(
  text: string,
  logs: readonly LogRow[],
  displayOf: (key: string) => string | undefined,
  passes: Passes,
): Promise<Found> {
  const filter = parseFilter(text);
  const passing = logs.filter((log) => matchesFilter(filter, log, displayOf)).map(({ id }) => id);
  if (passing.length > 0) return await passes(passing, `${passing.length} of ${plural(logs.length, 'line')} match`);
  const alone = filter.terms.map((term) => ({
    term,
    lines: logs.filter((log) => matchesFilter({ ...filter, terms: [term] }, log, displayOf)).length,
  }));
  const culprit = alone.find(({ lines }) => lines === 0)?.term;
  if (culprit === undefined)
    return { result: 'problem', what: `matches none of ${plural(logs.length, 'line')}: each condition matches some, all together none` };
  const there: Record<typeof culprit.field, (log: LogRow) => Json> = {
    level: (log) => log.log_level,
    context: (log) => log.execution_context,
    step: (log) => (log.step_key === null ? null : (displayOf(log.step_key) ?? log.step_key)),
    function: (log) => log.function_name,
    file: (log) => log.file_path,
    type: (log) => log.step_type,
    run: (log) => log.test_run_id,
    pipeline: () => null,
    duration: (log) => log.duration_ms,
    message: () => null,
    text: () => null,
    pattern: () => null,
  };
  return rejects(culprit.field, logs.length, valuesLine('', logs.map(there[culprit.field])));
}

async function lookAtSubscription(
  diagnosis: Diagnosis,
  run: { readonly id: string; readonly lines: number },
  text: string,
  signal: AbortSignal,
  passes: Passes,
): Promise<Found> {
  // What the filter itself gets wrong, its column or its operator, the server says when somebody joins with it.
  await diagnosis.subscribe({ table, filter: text }, () => {}, signal);
  const conditions = parseRealtimeFilter(text).map(({ column, negated, operator, values }): Condition => ({
    column,
    operator: `${negated ? 'not.' : ''}${operator}`,
    value: operator === 'in' ? `(${values.map((value) => JSON.stringify(value)).join(',')})` : values.join(','),
  }));
  const ofRun: Condition = { column: 'test_run_id', operator: 'eq', value: run.id };
  const find = async (wanted: readonly Condition[]) => await diagnosis.sample(table, LogRow.pick({ id: true }), wanted);
  const count = async (wanted: readonly Condition[]): Promise<number> => (await find(wanted)).length;
  const passing = (await find([ofRun, ...conditions])).map(({ id }) => id);
  if (passing.length > 0)
    return await passes(passing, `${passing.length} of ${plural(run.lines, 'line')} of the run match, and new ones will arrive`);
  const everywhere = await count(conditions);
  const elsewhere =
    everywhere === 0
      ? 'no run has such lines'
      : `other runs have ${everywhere >= sampleRows ? 'more than ' : ''}${plural(everywhere, 'such line')}`;
  for (const condition of conditions) {
    if ((await count([ofRun, condition])) > 0) continue;
    const values = (await diagnosis.sample(table, z.object({ [condition.column]: Json }), [ofRun])).map(
      (row) => row[condition.column] ?? null,
    );
    return rejects(
      `${condition.column}=${condition.operator}.${condition.value}`,
      run.lines,
      `${valuesLine(condition.value, values)} (${elsewhere})`,
    );
  }
  return {
    result: 'problem',
    what: `matches none of ${plural(run.lines, 'line')} of the run: each condition matches some, all together none (${elsewhere})`,
  };
}

const rejects = (part: string, lines: number, values: string): Found => ({
  result: 'problem',
  what: `${part} rejects all ${plural(lines, 'line')} of the run; ${values}`,
});

/** The values there are, those first that are spelt like the one asked for. */
function valuesLine(wanted: string, found: readonly Json[]): string {
  const all = [
    ...new Set(found.filter((value) => value !== null).map((value) => (typeof value === 'string' ? value : JSON.stringify(value)))),
  ];
  if (all.length === 0) return 'it is empty in all of them';
  const near = closest(wanted, all);
  const shown = [...new Set([...near, ...all])].slice(0, maxValuesShown);
  return `there ${shown.length === 1 ? 'is' : 'are'} ${shown.join(', ')}${all.length > shown.length ? ', …' : ''}`;
}
