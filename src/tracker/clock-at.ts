/** The clock of this process at which something began that another has begun. */
export function clockAt(startedAt: string): number {
  return performance.now() - (Date.now() - Date.parse(startedAt));
}
