import type { SupabaseClient } from '@supabase/supabase-js';
import type { Unsubscribe } from './backend.ts';
import { openLiveChannel } from './live-channel.ts';
import type { Binding } from './live-channel.ts';

/**
 * Follows few rows by reading them anew whenever one of them changes, and after every lost link. Of two answers that
 * overtake each other the newer question's stands.
 */
export function followAnew<Rows>(
  supabase: SupabaseClient,
  name: string,
  binding: Binding,
  read: () => Promise<Rows>,
  onRows: (rows: Rows) => void,
): Unsubscribe {
  let stopped = false;
  let asked = 0;
  const tell = (): void => {
    const question = (asked += 1);
    // One that fails is made good when the link is back.
    void read().then(
      (rows) => !stopped && question === asked && onRows(rows),
      () => undefined,
    );
  };
  const close = openLiveChannel(supabase, name, [binding], { onRow: tell, onSubscribed: tell, onMissed: tell, onLost: () => undefined });
  return () => {
    stopped = true;
    close();
  };
}
