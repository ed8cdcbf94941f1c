// node --test: what can be wrong without anybody calling.
import test from 'node:test';
import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Books } from './books.mjs';
import { digest, outcome, parsePairs, wireTime } from './unionpay.mjs';

const fresh = () => join(mkdtempSync(join(tmpdir(), 'shop-')), 'books.jsonl');

async function withOrder() {
  const path = fresh();
  const books = new Books(path);
  const payment = (id, key) => ({ kind: 'payments', id, order: 'o1', key, state: 'WAITING', amount: 2560, txnTime: '20261126120000' });
  await books.save({ kind: 'orders', id: 'o1', key: 'li/k', user: 'li', state: 'NEW', total: 2560 }, payment('p1', 'a'), payment('p2', 'b'));
  return { path, books };
}

test('pairs keep what stands in braces', () => {
  assert.deepEqual(parsePairs('a=1&b={x=1&y=2}&c=d=e'), { a: '1', b: '{x=1&y=2}', c: 'd=e' });
  assert.throws(() => parsePairs('a=1&a=2'));
  assert.throws(() => parsePairs('<html>'));
});

test('what is signed is sorted, without the signature', () => {
  assert.equal(digest({ b: '2', a: '茶', signature: 'x' }), digest({ a: '茶', b: '2' }));
  assert.notEqual(digest({ a: '1' }), digest({ a: '2' }));
});

test('codes and times', () => {
  assert.deepEqual(['00', '42', '33', '34', '12', '05', undefined].map(outcome), ['success', 'success', 'refused', 'none', 'duplicate', 'unknown', 'unknown']);
  assert.equal(wireTime(Date.UTC(2026, 10, 26, 17, 30, 5)), '20261127013005');
});

test('the same money twice is booked once, and a second payment goes back', async () => {
  const { books } = await withOrder();
  const [first, second] = [books.payments.get('p1'), books.payments.get('p2')];
  await Promise.all([books.book(first, { amount: 2560, queryId: 'q1' }), books.book(second, { amount: 2560, queryId: 'q2' }), books.book(first, { amount: 2560, queryId: 'q1' })]);
  assert.equal(books.orders.get('o1').state, 'PAID');
  assert.deepEqual([...books.refunds.values()].map((r) => [r.payment, r.amount, r.cause]), [['p2', 2560, 'second']]);
  await books.returned(books.refunds.get('rp2'));
  assert.deepEqual([second.state, books.orders.get('o1').state], ['RETURNED', 'PAID']);
});

test('another amount pays nothing', async () => {
  const { books } = await withOrder();
  await books.book(books.payments.get('p1'), { amount: 1, queryId: 'q1' });
  assert.equal(books.orders.get('o1').state, 'NEW');
  assert.equal(books.refunds.get('rp1').amount, 1);
});

test('the books are read again, without a torn last line', async () => {
  const { path, books } = await withOrder();
  await books.book(books.payments.get('p1'), { amount: 2560, queryId: 'q1' });
  appendFileSync(path, '{"kind":"orders","id":"o1","sta');
  const again = new Books(path);
  assert.equal(again.orders.get('o1').state, 'PAID');
  assert.equal(again.payments.get('p1').kept, true);
  await again.save({ kind: 'orders', id: 'o1', state: 'REFUNDED' });
  assert.ok(readFileSync(path, 'utf8').trimEnd().split('\n').every((line) => JSON.parse(line)));
});
