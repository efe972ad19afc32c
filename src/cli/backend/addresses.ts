import { networkInterfaces } from 'node:os';

/** Where a server is reached: of one that listens on all addresses, this machine's, those of other machines after its own. */
export function addressesOf(url: string, host: string): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') return [url];
  const { port } = new URL(url);
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    // A link-local address of IPv6 is none without the name of its interface, which URLs do not take.
    .filter(({ internal, family, address }) => !internal && (family === 'IPv4' || host === '::') && !address.startsWith('fe80:'))
    .map(({ address, family }) => `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
  return [url, ...others];
}
