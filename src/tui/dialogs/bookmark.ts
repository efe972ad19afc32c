import type { RunRow } from '../../protocol/rows.ts';
import type { Effect } from '../effect.ts';
import type { Bookmark } from '../overlay.ts';
import { choiceField, textField, valueOf } from './form.ts';

export function bookmarkForm(run: RunRow): Bookmark {
  return {
    type: 'bookmark',
    runId: run.test_run_id,
    fields: [
      choiceField('bookmarked', 'Bookmark', 'yes', ['yes', 'no'], 'bookmarked runs are never cleaned up'),
      textField('name', 'Name', run.bookmark_name ?? '', 'what this run shows'),
      textField('tags', 'Tags', run.tags.join(', '), 'separated by commas'),
      textField('notes', 'Notes', run.notes ?? ''),
    ],
    cursor: 1,
    problem: undefined,
  };
}

export function saveBookmark(form: Bookmark): Effect {
  const text = (name: string) => valueOf(form.fields, name).trim();
  return {
    type: 'annotate',
    runId: form.runId,
    marks: {
      bookmarked: text('bookmarked') === 'yes',
      bookmarkName: text('name') || null,
      tags: [...new Set(text('tags').split(',').map((tag) => tag.trim()).filter((tag) => tag !== ''))],
      notes: text('notes') || null,
    },
  };
}
