// The shop's books: a file of JSON lines, each one change, on disk before anything
// depends on it. At the start the file is read again; the last line may be torn.
import { closeSync, existsSync, fsync, ftruncateSync, openSync, readFileSync, write } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';

const writeTo = promisify(write);
const sync = promisify(fsync);

export const number = (prefix) => prefix + randomBytes(10).toString('hex');

export class Books {
  constructor(path) {
    this.orders = new Map();
    this.payments = new Map();
    this.refunds = new Map();
    this.byKey = new Map(); // orders by the shopper's key
    this.waiting = [];
    let whole = 0;
    if (existsSync(path)) {
      const text = readFileSync(path);
      whole = text.lastIndexOf(0x0a) + 1;
      for (const line of text.subarray(0, whole).toString().split('\n')) if (line) this.apply(JSON.parse(line));
    }
    this.file = openSync(path, 'a');
    ftruncateSync(this.file, whole);
  }

  apply({ kind, ...row }) {
    const table = this[kind];
    const known = table.get(row.id);
    if (known) Object.assign(known, row);
    else table.set(row.id, row);
    if (kind === 'orders' && !known) this.byKey.set(row.key, row);
  }

  // save makes changes, and resolves once they are on disk. The changes are in force
  // at once, so that who comes next sees them; many that come together share a sync.
  save(...changes) {
    for (const change of changes) this.apply(change);
    return new Promise((resolve, reject) => {
      this.waiting.push({ text: changes.map((change) => JSON.stringify(change) + '\n').join(''), resolve, reject });
      if (!this.flushing) this.flushing = this.flush();
    });
  }

  async flush() {
    await null; // let those of this very moment join
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0);
      try {
        await writeTo(this.file, batch.map((one) => one.text).join(''));
        await sync(this.file);
        for (const one of batch) one.resolve();
      } catch (problem) {
        for (const one of batch) one.reject(problem);
      }
    }
    this.flushing = undefined;
  }

  async close() {
    await this.flushing;
    closeSync(this.file);
  }

  paymentsOf(order) {
    return [...this.payments.values()].filter((payment) => payment.order === order);
  }

  refundsOf(payment) {
    return [...this.refunds.values()].filter((refund) => refund.payment === payment);
  }

  // book books money that UnionPay took, any number of times. The first payment of
  // an open order that is of its total pays it; all else goes back. Nothing here
  // waits before the decision is in force, so that two cannot both be first.
  book(payment, { amount, queryId }, now) {
    if (payment.state !== 'WAITING' && payment.state !== 'ENDED') return this.flushing;
    const order = this.orders.get(payment.order);
    const cause = amount !== order.total ? 'wrong amount' : order.state === 'ENDED' ? 'late' : order.state !== 'NEW' ? 'second' : '';
    const changes = [{ kind: 'payments', id: payment.id, state: 'PAID', captured: amount, queryId, kept: cause === '' }];
    if (cause) changes.push({ kind: 'refunds', id: 'r' + payment.id, payment: payment.id, order: order.id, request: '', cause, state: 'ASKED', amount, txnTime: now });
    else changes.push({ kind: 'orders', id: order.id, state: 'PAID' });
    return this.save(...changes);
  }

  // returned books that a refund is done, and what follows for payment and order.
  returned(refund) {
    if (refund.state === 'DONE') return this.flushing;
    const payment = this.payments.get(refund.payment);
    const changes = [{ kind: 'refunds', id: refund.id, state: 'DONE' }];
    const before = this.refundsOf(payment.id).filter((other) => other.state === 'DONE').reduce((sum, other) => sum + other.amount, 0);
    if (before + refund.amount >= payment.captured) {
      changes.push({ kind: 'payments', id: payment.id, state: 'RETURNED' });
      if (payment.kept) changes.push({ kind: 'orders', id: payment.order, state: 'REFUNDED' });
    }
    return this.save(...changes);
  }
}
