/*
 * Whether a request may come in at all, before anything of it is read. A page in a browser can make requests
 * to this machine, and a name can be pointed at 127.0.0.1 after the page has loaded (DNS rebinding). Such
 * requests carry a foreign Host or Origin.
 */

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]', '::1']);

/** True for an address only this machine can reach. */
export function isLoopback(host: string): boolean {
  return loopbackNames.has(host) || /^127(\.\d{1,3}){3}$/.test(host);
}

/**
 * Why a request must not come in, or undefined. A server that listens to the network cannot know its own
 * names and relies on keys alone; pages on this machine may talk to a loopback server.
 */
export function addressProblem(
  boundHost: string,
  headers: { readonly host: string | undefined; readonly origin: string | undefined },
): string | undefined {
  if (!isLoopback(boundHost)) return undefined;
  const host = hostnameOf(`http://${headers.host ?? ''}`);
  if (host === undefined || !isLoopback(host)) return `this server answers to localhost only, not to ${JSON.stringify(headers.host ?? '')}`;
  if (headers.origin === undefined) return undefined;
  const origin = hostnameOf(headers.origin);
  if (origin === undefined || !isLoopback(origin)) return `pages of ${JSON.stringify(headers.origin)} may not use this server`;
  return undefined;
}

function hostnameOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).hostname || undefined : undefined;
}
