import { createHash } from 'node:crypto';
import { jwtVerify, SignJWT } from 'jose';
import { z } from 'zod';
import type { Place } from './objects.ts';
import { StorageError } from './storage-error.ts';

const Link = z.object({
  use: z.enum(['download', 'upload']),
  /** `<bucket>/<name>`. */
  url: z.string(),
  /** Whose the uploaded file will be. */
  owner: z.string().nullable().default(null),
  upsert: z.boolean().default(false),
});
type Link = z.infer<typeof Link>;

/** Tokens in addresses by which anybody may read or write one file for a while. */
export interface SignedLinks {
  sign(place: Place, link: Pick<Link, 'use'> & Partial<Link>, seconds: number): Promise<string>;
  /** Throws `StorageError` for a token that has expired, was altered, or is for something else. */
  verify(place: Place, use: Link['use'], token: string | null): Promise<Link>;
}

/** By a key of their own, derived from the secret: such a token is never one that signs somebody in. */
export function createSignedLinks(jwtSecret: string): SignedLinks {
  const key = createHash('sha256').update(`stepscope signed links\0${jwtSecret}`).digest();
  const urlOf = ({ bucket, name }: Place): string => `${bucket}/${name}`;
  return {
    sign: async (place, link, seconds) =>
      await new SignJWT({ ...link, url: urlOf(place) })
        .setProtectedHeader({ alg: 'HS256' })
        .setIssuedAt()
        .setExpirationTime(`${seconds}s`)
        .sign(key),
    async verify(place, use, token) {
      const parsed = await jwtVerify(token ?? '', key, { algorithms: ['HS256'], requiredClaims: ['exp'] }).then(
        ({ payload }) => Link.safeParse(payload).data,
        () => undefined,
      );
      if (parsed === undefined || parsed.use !== use || parsed.url !== urlOf(place)) {
        throw new StorageError(400, 'InvalidJWT', 'the signature of this address is not valid, or no longer');
      }
      return parsed;
    },
  };
}
