import type { Masker } from '../../core/mask.ts';
import type { RunRecorder } from '../../tracker/recorder.ts';
import type { Outside } from './outside.ts';
import { plainOutside, recordOutside } from './recording.ts';
import { recordedOutside, type RecordedEffects } from './replaying.ts';

/** The outside world of a run that is no replay. */
export function openOutside(options: {
  readonly recorder: RunRecorder;
  readonly masker: Masker;
  readonly recordExchanges: boolean;
  readonly recorded: RecordedEffects | undefined;
}): Outside {
  const { recorder, masker, recordExchanges, recorded } = options;
  const outside = recordExchanges ? recordOutside(recorder) : plainOutside;
  return recorded === undefined ? outside : recordedOutside(outside, recorded, { recorder, masker });
}
