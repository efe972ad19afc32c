import { z } from 'zod';
import { LeaseRow } from './debug-rows.ts';
import { OnLeaseEnd } from './vocabulary.ts';

/** What `hold_lease()` answers: whose the lease is now, and whether that is the one who asked. */
export const AskedLease = LeaseRow.extend({ mine: z.boolean() });
export type AskedLease = z.infer<typeof AskedLease>;

/** What the holder of a held run hears of its lease: nobody has one, a terminal has, or it has ended and this is to be done. */
export const LeaseReport = z.discriminatedUnion('state', [
  z.object({ state: z.literal('none') }),
  LeaseRow.extend({ state: z.literal('living') }),
  LeaseRow.extend({ state: z.literal('ended'), act: OnLeaseEnd }),
]);
export type LeaseReport = z.infer<typeof LeaseReport>;
