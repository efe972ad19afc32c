import { describe, expect, it } from 'vitest';
import { createQueue } from './queue.ts';

describe('the queue', () => {
  it('lets one in at a time, in the order they came', async () => {
    const queue = createQueue();
    const order: number[] = [];
    let inside = 0;
    await Promise.all(
      [1, 2, 3, 4, 5].map(async (place) => {
        const leave = await queue.enter();
        inside += 1;
        expect(inside).toBe(1);
        await Promise.resolve();
        order.push(place);
        inside -= 1;
        leave();
        leave();
      }),
    );
    expect(order).toEqual([1, 2, 3, 4, 5]);
    expect(queue.isIdle()).toBe(true);
  });

  it('lets as many in as there are places', async () => {
    const queue = createQueue({ places: 2, maxWaitMs: 20 });
    const leave = await queue.enter();
    await queue.enter();
    await expect(queue.enter()).rejects.toMatchObject({ code: 'unavailable' });
    leave();
    await queue.enter();
    expect(queue.isIdle()).toBe(false);
  });

  it('tells who waits too long, and goes on without them', async () => {
    const queue = createQueue({ maxWaitMs: 20 });
    const leave = await queue.enter();
    await expect(queue.enter()).rejects.toMatchObject({ code: 'unavailable' });
    leave();
    (await queue.enter())();
    expect(queue.isIdle()).toBe(true);
  });
});
