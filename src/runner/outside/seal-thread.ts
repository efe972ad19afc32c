import childProcess from 'node:child_process';
import { Socket as DatagramSocket } from 'node:dgram';
import { syncBuiltinESMExports } from 'node:module';
import { Socket } from 'node:net';
import { UserError } from '../../protocol/error.ts';

/**
 * Lets nothing out of this thread any more: no connection, no datagram, no process of its own. For replays, whose code
 * may speak past its context; `onAttempt` hears what was tried. Files stay within reach.
 */
export function sealThread(onAttempt: (what: string) => void): void {
  const refuse = (what: string) =>
    function refused(): never {
      onAttempt(what);
      throw new UserError('forbidden', `a replay lets nothing out: ${what} was refused`, { hint: 'Ask by the context (`fetch`, `db`, `provider`), so that the answer is recorded' });
    };
  Socket.prototype.connect = refuse('a connection') as unknown as Socket['connect'];
  DatagramSocket.prototype.send = refuse('a datagram') as unknown as DatagramSocket['send'];
  const processes = refuse('a process');
  Object.assign(childProcess.ChildProcess.prototype, { spawn: processes });
  Object.assign(childProcess, { spawnSync: processes, execSync: processes, execFileSync: processes });
  syncBuiltinESMExports();
}
