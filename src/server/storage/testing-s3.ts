import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import S3rver from 's3rver';
import type { S3Options } from './s3-store.ts';

export interface TestS3 {
  readonly options: S3Options;
  /** Ends all connections and takes no more until it is started again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

const secret = 'a secret key/of tests';

/** An S3-compatible store on this machine: s3rver, behind a door that checks signatures, which s3rver does not. */
export async function startTestS3(directory: string): Promise<TestS3> {
  const bucket = 'stepscope-files';
  const s3 = new S3rver({ port: 0, address: '127.0.0.1', silent: true, directory, configureBuckets: [{ name: bucket, configs: [] }] });
  const behind = await s3.run();
  let door: Server;
  let port = 0;
  const start = async (): Promise<void> => {
    door = createServer((request, response) => {
      void (async () => {
        const body = Buffer.concat((await request.toArray()) as Uint8Array[]);
        if (!isSigned(request, body)) return response.writeHead(403).end('<Error><Code>SignatureDoesNotMatch</Code></Error>');
        const { authorization: _, host: __, connection: ___, ...headers } = request.headers;
        const answer = await fetch(`http://127.0.0.1:${behind.port}${request.url}`, {
          method: request.method!,
          headers: headers as never,
          ...(body.length > 0 && { body }),
        });
        response.writeHead(
          answer.status,
          Object.fromEntries([...answer.headers].filter(([name]) => name !== 'transfer-encoding' && name !== 'connection')),
        );
        return response.end(Buffer.from(await answer.arrayBuffer()));
      })();
    });
    await new Promise<void>((resolve) => door.listen(port, '127.0.0.1', resolve));
    ({ port } = door.address() as AddressInfo);
  };
  await start();
  return {
    options: { endpoint: `http://127.0.0.1:${port}`, bucket, region: 'us-east-1', accessKeyId: 'stepscope', secretAccessKey: secret },
    start,
    stop: async () => {
      door.closeAllConnections();
      await new Promise((resolve) => door.close(resolve));
    },
  };
}

/** Signature version 4, by the book. */
function isSigned(request: IncomingMessage, body: Buffer): boolean {
  const [, scope, signedHeaders, signature] =
    /^AWS4-HMAC-SHA256 Credential=stepscope\/([^,]+), SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      request.headers.authorization ?? '',
    ) ?? [];
  if (scope === undefined || signedHeaders === undefined) return false;
  const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');
  const hmac = (key: string | Buffer, data: string): Buffer => createHmac('sha256', key).update(data).digest();
  const url = new URL(request.url!, 'http://s3');
  const contents = String(request.headers['x-amz-content-sha256']);
  if (contents !== 'UNSIGNED-PAYLOAD' && contents !== sha256(body)) return false;
  const headers = signedHeaders.split(';').map((name) => `${name}:${String(request.headers[name]).trim()}\n`);
  const canonical = [request.method, url.pathname, url.search.slice(1), headers.join(''), signedHeaders, contents].join('\n');
  const text = ['AWS4-HMAC-SHA256', request.headers['x-amz-date'], scope, sha256(canonical)].join('\n');
  const key = scope.split('/').reduce<string | Buffer>((signing, part) => hmac(signing, part), `AWS4${secret}`);
  return hmac(key, text).toString('hex') === signature;
}
