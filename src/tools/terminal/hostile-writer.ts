import { ExecutionTracker } from '../../tracker/execution-tracker.ts';
import { hostileTexts } from '../../tui/testing/hostile-texts.ts';

/* A program whose every word tries to harm whoever shows it; started by `09-text.ts`. It says the id of its run. */

const texts = Object.values(hostileTexts);
const tracker = new ExecutionTracker('hostile-1', `model ${texts[0]}`, 'none', 'prompt_to_image', null, { pipeline: 'hostile' });
for (const [index, text] of texts.entries()) {
  const name = text.slice(0, 200);
  await tracker.step(`${index + 1} ${name}`, { inputs: { [name]: text, nested: [{ text }] } }, () => {
    tracker.log({ message: `#${index + 1} ${text}`, logLevel: 'info', data: { [name]: text } });
    return { text };
  });
}
await tracker
  .step('the last', () => {
    throw new Error(texts.join(' | ').slice(0, 4_000));
  })
  .catch(() => {});
await tracker.bookmark(texts.join(' ').slice(0, 100), [texts[0]!, texts[5]!], texts.join(' ').slice(0, 1_000));
await tracker.complete();
process.send?.({ runId: tracker.testRunId });
process.disconnect();
