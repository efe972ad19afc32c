import { migrate } from '../storage/migrate.ts';
import { openPglite } from '../storage/pglite/open-pglite.ts';

/*
 * The victim of check-crash: opens the data directory it is given and stores each batch it is sent, one
 * after the other, saying so when it is committed. It never ends by itself.
 */

const [, , dataDir, preparedDirectory] = process.argv;
const send = (message: unknown): void => void process.send!(message);

send('opening');
const database = await openPglite({ dataDir: dataDir!, preparedDirectory });
await migrate(database);
send('open');

process.on('message', (batch: { readonly number: number }) => void store(batch));

async function store(batch: { readonly number: number }): Promise<void> {
  await database.asUser({ role: 'service_role' }, (transaction) => transaction.query('select ingest($1)', [batch]));
  send({ acknowledged: batch.number });
}
