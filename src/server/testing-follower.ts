import { createClient, REALTIME_SUBSCRIBE_STATES } from '@supabase/supabase-js';
import ws from 'ws';

/*
 * A program of somebody else, in a process of its own: follows the log of a run with nothing but supabase-js,
 * and prints each row's number and message, one a line. `node testing-follower.ts URL KEY RUN`. It does what
 * the wire asks of a careful client: subscribe, read what is stored, and read again whenever told that
 * something was missed.
 */

const [url, key, run] = process.argv.slice(2) as [string, string, string];
const supabase = createClient(url, key, { realtime: { transport: ws as never, heartbeatIntervalMs: 1_000, reconnectAfterMs: () => 100 } });

let lastSeq = 0;
let early: { readonly seq: number; readonly message: string }[] = [];
let reading: Promise<void> | undefined;
let again = false;

function print(row: { readonly seq: number; readonly message: string }): void {
  if (row.seq <= lastSeq) return;
  lastSeq = row.seq;
  process.stdout.write(`${JSON.stringify([row.seq, row.message])}\n`);
}

async function readMissed(): Promise<void> {
  do {
    again = false;
    for (let complete = false; !complete;) {
      const { data, error } = await supabase.rpc('run_changes', { run_id: run, after_seq: lastSeq, max_rows: 500 });
      if (error) {
        // Nobody there now: the channel tells when there is.
        await new Promise((resolve) => setTimeout(resolve, 100));
        continue;
      }
      const answer = data as { complete: boolean; last_seq: number; changes: { table: string; row: { seq: number; message: string } }[] };
      for (const { table, row } of answer.changes) if (table === 'test_execution_logs') print(row);
      lastSeq = Math.max(lastSeq, answer.last_seq);
      complete = answer.complete;
    }
  } while (again);
  for (const row of early.toSorted((left, right) => left.seq - right.seq)) print(row);
  early = [];
}

function catchUp(): void {
  again = true;
  reading ??= readMissed().finally(() => (reading = undefined));
}

supabase
  .channel(`test-execution-${run}`)
  .on(
    'postgres_changes',
    { event: 'INSERT', schema: 'public', table: 'test_execution_logs', filter: `test_run_id=eq.${run}` },
    (payload) => {
      const row = payload.new as { seq: number; message: string };
      if (reading) early.push(row);
      else print(row);
    },
  )
  .on('system', {}, ({ status }: { status: string }) => status === 'error' && catchUp())
  .subscribe((status) => {
    if (status === REALTIME_SUBSCRIBE_STATES.SUBSCRIBED) catchUp();
  });
