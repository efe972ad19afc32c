import { describe, expect, it } from 'vitest';
import { addressProblem } from './address-guard.ts';

describe('a server on loopback', () => {
  it.each([
    ['127.0.0.1:8000', undefined],
    ['localhost:8000', 'http://localhost:3000'],
    ['[::1]:8000', 'http://127.0.0.1'],
    ['127.8.0.1', undefined],
  ])('lets in Host %s with Origin %s', (host, origin) => {
    expect(addressProblem('127.0.0.1', { host, origin })).toBeUndefined();
  });

  it.each([
    ['evil.example', undefined],
    ['127.0.0.1.evil.example:8000', undefined],
    ['localhost@evil.example', undefined],
    ['', undefined],
    [undefined, undefined],
    ['localhost:8000', 'https://evil.example'],
    ['localhost:8000', 'https://localhost.evil.example'],
    ['localhost:8000', 'null'],
    ['localhost:8000', 'file://'],
  ])('keeps out Host %s with Origin %s', (host, origin) => {
    expect(addressProblem('127.0.0.1', { host, origin })).toMatch(/localhost only|may not use/);
  });
});

it('a server on the network relies on keys', () => {
  expect(addressProblem('0.0.0.0', { host: 'stepscope.example', origin: 'https://console.example' })).toBeUndefined();
});
