import type { Place } from '../keymap.ts';

/** Where a key works, in words. */
const words: Readonly<Record<Place, string>> = {
  anywhere: 'anywhere', connecting: 'while connecting', runs: 'the list of runs', run: 'a run', steps: 'the steps', log: 'the log', logTree: 'the data of a line', detail: 'the details', json: 'JSON', diff: 'the diff',
  playback: 'an earlier moment', screen: 'every screen', breakpoints: 'breakpoints and watches', compare: 'the comparison', comparedStep: 'a step compared', family: 'the family of a run',
  performance: 'the times of a run', watched: 'a watch along the steps', marks: 'marked lines', house: 'a view of the house', logs: 'the logs of everything', comparisons: 'kept comparisons', sessions: 'sessions', information: 'the facts of a run',
  timeline: 'the timeline', picture: 'a picture', settings: 'the settings', help: 'the help', prompt: 'a prompt', form: 'a form', editor: 'the editor', preview: 'a preview',
  confirm: 'a question', copy: 'copying', leave: 'leaving', choose: 'a choice',
};

export function placeWords(place: Place): string {
  return words[place];
}

/** Places in which what is typed is text. */
export const typingPlaces: readonly Place[] = ['help', 'prompt', 'form', 'editor'];
