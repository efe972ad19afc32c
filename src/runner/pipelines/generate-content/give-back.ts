import { endedPredictions, type RunFailure, type StepContext } from 'stepscope';
import { ledgerEntry } from './ledger.ts';
import type { State } from './state.ts';
import { done } from './tables.ts';
import { counted } from './words.ts';

/** Puts a run that did not complete right: ends the prediction, marks the job, gives the credits back once. */
export async function giveBack(reached: Partial<State>, failure: RunFailure, { db, provider, run, log }: StepContext): Promise<void> {
  const { prediction, job, reservation } = reached;
  if (prediction && !endedPredictions.has(prediction.status)) {
    const { status } = await provider.cancelPrediction(prediction.id);
    log.info(`Prediction ${prediction.id} is ${status}`);
  }
  if (job) {
    const status = failure.cancelled ? 'canceled' : 'failed';
    await done('mark the job', db.from('jobs').update({ status, error: failure.message }).eq('id', job.id));
    log.info(`Job ${job.id} is marked ${status}`);
  }
  if (!reservation) return;
  // The table lets a job be refunded once; that it was before is no failure.
  const { error } = await db.from('credit_ledger').insert(ledgerEntry(run, reservation, 'refund', failure.message));
  if (error && error.code !== '23505') throw new Error(`could not give the credits back: ${error.message}`);
  const { charged, wouldHaveCharged } = reservation;
  log.info(charged > 0 ? `Gave ${counted(charged, 'credit')} back` : `Test mode: would have given ${counted(wouldHaveCharged, 'credit')} back`);
}
