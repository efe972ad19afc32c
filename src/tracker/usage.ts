interface Usage {
  /** CPU time of this thread, or of the process where Node cannot tell threads apart. */
  readonly cpuMs: number;
  /** JavaScript heap in use. */
  readonly memoryBytes: number;
}

// Node 20 and 22 have no threadCpuUsage().
const meter = process as { readonly threadCpuUsage?: typeof process.cpuUsage } & Pick<NodeJS.Process, 'cpuUsage'>;

/** What this thread has used; of its CPU time only what was used since `from`. */
export function readUsage(from?: Usage): Usage {
  const { user, system } = meter.threadCpuUsage === undefined ? meter.cpuUsage() : meter.threadCpuUsage();
  return { cpuMs: (user + system) / 1000 - (from?.cpuMs ?? 0), memoryBytes: process.memoryUsage().heapUsed };
}
