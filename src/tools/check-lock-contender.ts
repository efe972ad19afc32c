import { errorCodes, UserError } from '../protocol/error.ts';
import { openPglite } from '../storage/pglite/open-pglite.ts';

/*
 * One of those who want a data directory in check-lock. The winner says so and stays; a loser says why and
 * ends with the status that the command line would end with.
 */

const [, , dataDir, preparedDirectory] = process.argv;
try {
  await openPglite({ dataDir: dataDir!, preparedDirectory });
  process.send!({ won: process.pid });
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  process.send!({ lost: error.message }, () => process.exit(errorCodes[error.code].exit));
}
