import type { JsonObject } from '../../protocol/json.ts';
import { CHANGES_CHANNEL, ChangeNotice } from '../../protocol/realtime.ts';
import type { Claims, Database } from '../../storage/database.ts';
import { reportBug } from '../bug-report.ts';
import { concerned, mayConcern, openFilters, type Binding } from './binding.ts';
import type { Catalog } from './catalog.ts';
import { readDeletedRows, type DeletedRows } from './deleted-rows.ts';
import { readRows, type FilteredRow } from './row-reader.ts';

/** A channel that listens for changes of rows. */
interface Subscriber {
  readonly bindings: readonly Binding[];
  /** Asked anew for every delivery: a token may have been replaced since. */
  claims(): Claims;
  /** One row. `data` is the JSON text of the message's `data`, made once for everybody. */
  deliver(ids: readonly number[], data: string): void;
  /** Rows were not delivered; what comes after this call is later than all of them. */
  missed(): void;
}

export interface ChangeFeed {
  subscribe(subscriber: Subscriber): () => void;
  close(): Promise<void>;
}

/** Rows a second of one run that are told one by one. Above, its followers are sent to read them. */
const maxLogRowsPerSecond = 1_000;
/** While a run is too fast, its followers are told so this often. */
const missedEveryMs = 250;
/** Notices that wait to be read. A database this far behind is not caught up with by waiting. */
const maxQueuedNotices = 10_000;
/** Notices whose rows are read in one go. */
const maxNoticesPerRead = 500;

/**
 * Turns notifications of the database into rows for those who may see them, in the order of commit. Rows are
 * read back under the claims of whoever listens, once for each distinct set of claims and for all notices
 * that have come by then.
 */
export async function createChangeFeed(database: Database, catalog: Catalog): Promise<ChangeFeed> {
  const subscribers = new Set<Subscriber>();
  const pace = createPace();
  let queue: ChangeNotice[] = [];
  let working: Promise<void> | undefined;
  let closed = false;

  function missed(who: (subscriber: Subscriber) => boolean = () => true): void {
    for (const subscriber of subscribers) if (who(subscriber)) subscriber.missed();
  }

  function receive(payload: string): void {
    const notice = ChangeNotice.parse(JSON.parse(payload));
    if (closed || subscribers.size === 0) return;
    if (pace.isTooFast(notice, (run) => missed((subscriber) => follows(subscriber, run)))) return;
    queue.push(notice);
    if (queue.length > maxQueuedNotices) {
      queue = [];
      missed();
    }
    working ??= work().finally(() => (working = undefined));
  }

  async function work(): Promise<void> {
    while (queue.length > 0) {
      const batch = queue.splice(0, maxNoticesPerRead);
      const deleted = await readDeletedRows(database, batch).catch((error: unknown): DeletedRows => {
        if (!closed) reportBug('realtime could not read what was deleted', error);
        return new Map();
      });
      await Promise.all([...groupByClaims(subscribers)].map(async ([, group]) => await serve(group, batch, deleted)));
      // Answers of the embedded database come as microtasks: without this no socket would be served.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async function serve(group: readonly Subscriber[], batch: readonly ChangeNotice[], deleted: DeletedRows): Promise<void> {
    const wanted = (subscriber: Subscriber, notice: ChangeNotice): boolean =>
      subscriber.bindings.some((binding) => mayConcern(binding, notice));
    const missedBy = (lost: readonly ChangeNotice[]): void => {
      for (const subscriber of group)
        if (subscribers.has(subscriber) && lost.some((notice) => wanted(subscriber, notice))) subscriber.missed();
    };
    const claims = group[0]!.claims();
    const notices = batch.filter(
      (notice) => catalog.get(notice.table)?.readers.has(claims.role) && group.some((subscriber) => wanted(subscriber, notice)),
    );
    if (notices.length === 0) return;
    const bindings = group.flatMap((subscriber) => subscriber.bindings);
    try {
      const found = await readRows(database, notices, {
        claims,
        catalog,
        deleted,
        filtersOf: (table) =>
          openFilters(
            bindings,
            notices.filter((notice) => notice.table === table),
          ),
      });
      for (const { notice, rows, isLost } of found) {
        for (const row of rows) deliver(group, notice, row);
        if (isLost) missedBy([notice]);
      }
    } catch (error) {
      if (!closed) reportBug(`realtime could not read ${notices.length} changes`, error);
      missedBy(notices);
    }
  }

  function deliver(group: readonly Subscriber[], notice: ChangeNotice, row: FilteredRow): void {
    /** What is told, by the columns asked for: made once for everybody. */
    const told = new Map<string, string>();
    for (const subscriber of group) {
      // It may have left while the rows were read.
      if (!subscribers.has(subscriber)) continue;
      for (const [selection, bindings] of Map.groupBy(concerned(subscriber.bindings, notice, row), ({ select }) => select?.join() ?? '')) {
        const data = told.get(selection) ?? changeData(catalog, notice, row.row, bindings[0]!.select);
        told.set(selection, data);
        subscriber.deliver(
          bindings.map(({ id }) => id),
          data,
        );
      }
    }
  }

  const unlisten = await database.listen(CHANGES_CHANNEL, receive);
  const forget = database.onReopen(() => missed());

  return {
    subscribe(subscriber) {
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    async close() {
      closed = true;
      queue = [];
      pace.close();
      forget();
      await unlisten();
      await working;
    },
  };
}

/** Does the subscriber hear of logs of this run? */
function follows({ bindings }: Subscriber, run: string): boolean {
  return bindings.some((binding) => mayConcern(binding, { op: 'INSERT', table: 'test_execution_logs', run }));
}

/** Subscribers who see the same: their claims are equal but for what changes with every token. */
function groupByClaims(subscribers: Iterable<Subscriber>): ReadonlyMap<string, readonly Subscriber[]> {
  return Map.groupBy(subscribers, (subscriber) => {
    const { iat: _iat, exp: _exp, session_id: _session, jti: _jti, ...lasting } = subscriber.claims();
    return JSON.stringify(lasting);
  });
}

/** `data` of the message. Of an old row only the key is told, and the run it was of, unless its table tells all. */
function changeData(catalog: Catalog, { op, table }: ChangeNotice, row: JsonObject, select: readonly string[] | undefined): string {
  const { columns, primaryKey, tellsWholeOldRow } = catalog.get(table)!;
  const only = (names: readonly string[]): JsonObject =>
    Object.fromEntries(names.filter((name) => name in row).map((name) => [name, row[name]!]));
  const oldRow = op !== 'DELETE' ? only(primaryKey) : tellsWholeOldRow ? row : only([...primaryKey, 'test_run_id']);
  return JSON.stringify({
    type: op,
    schema: 'public',
    table,
    commit_timestamp: new Date().toISOString(),
    columns: select === undefined ? columns : columns.filter(({ name }) => select.includes(name)),
    ...(op === 'DELETE' ? {} : { record: select === undefined ? row : only(select) }),
    ...(op === 'INSERT' ? {} : { old_record: oldRow }),
    errors: null,
  });
}

interface Pace {
  /** True when the notice is not to be told; `onMissed` follows, once for many. */
  isTooFast(notice: ChangeNotice, onMissed: (run: string) => void): boolean;
  close(): void;
}

/**
 * Counts the log rows of each run. From the first row left out until its followers have been told, none is
 * let through: a later row before the word would look as if nothing were missing.
 */
function createPace(): Pace {
  let second = 0;
  let rows = new Map<string, number>();
  const owed = new Map<string, NodeJS.Timeout>();
  return {
    isTooFast({ op, run, from, to }, onMissed) {
      if (op !== 'INSERT' || run == null || from === undefined || to === undefined) return false;
      const current = Math.floor(Date.now() / 1000);
      if (current !== second) [second, rows] = [current, new Map()];
      const count = (rows.get(run) ?? 0) + to - from + 1;
      rows.set(run, count);
      if (owed.has(run)) return true;
      if (count <= maxLogRowsPerSecond) return false;
      const timer = setTimeout(() => {
        owed.delete(run);
        onMissed(run);
      }, missedEveryMs);
      owed.set(run, timer);
      return true;
    },
    close() {
      for (const timer of owed.values()) clearTimeout(timer);
    },
  };
}
