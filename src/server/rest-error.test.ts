import { describe, expect, it } from 'vitest';
import { UserError } from '../protocol/error.ts';
import { DatabaseError } from '../storage/database.ts';
import { describeFailure, statusOfSqlState } from './rest-error.ts';

describe('the status of an SQLSTATE', () => {
  it.each([
    ['22P02', 400],
    ['23502', 400],
    ['23503', 409],
    ['23505', 409],
    ['23514', 400],
    ['42501', 403],
    ['42703', 400],
    ['42P01', 404],
    ['42883', 404],
    ['P0001', 400],
    ['PT409', 409],
    ['PT999', 400],
    ['40001', 503],
    ['53100', 507],
    ['57014', 504],
    ['08006', 503],
    ['XX000', 500],
  ])('%s is %i', (sqlState, status) => {
    expect(statusOfSqlState(sqlState, false)).toBe(status);
  });

  it('42501 asks who has not signed in to do so', () => {
    expect(statusOfSqlState('42501', true)).toBe(401);
  });
});

describe('a failure', () => {
  it('of the database or of ours is told in words, a bug is not', () => {
    const fields = { code: '23505', detail: 'Key (id)=(1) already exists.' };
    expect(describeFailure(new DatabaseError('duplicate key', fields), false)).toMatchObject({
      status: 409,
      code: '23505',
      details: fields.detail,
    });
    expect(describeFailure(new UserError('no-space', 'the disk is full', { hint: 'Free some' }), false)).toMatchObject({
      status: 507,
      hint: 'Free some',
    });
    expect(describeFailure(new TypeError('x is undefined'), false)).toBeUndefined();
  });
});
