import { UserError, type z } from 'stepscope';

/** What a call to the tables answers. */
interface Answer {
  readonly data: unknown;
  readonly error: { readonly message: string } | null;
}

/** What the tables answered, checked. Throws `failed` saying what was being done; no row is `not-found`. */
export async function rowOf<Row>(doing: string, schema: z.ZodType<Row>, answer: PromiseLike<Answer>): Promise<Row> {
  const { data, error } = await answer;
  if (error) throw new UserError('failed', `could not ${doing}: ${error.message}`);
  if (data === null) throw new UserError('not-found', `could not ${doing}: there is none`);
  return schema.parse(data);
}

/** For writes whose rows nobody needs. */
export async function done(doing: string, answer: PromiseLike<Answer>): Promise<void> {
  const { error } = await answer;
  if (error) throw new UserError('failed', `could not ${doing}: ${error.message}`);
}
