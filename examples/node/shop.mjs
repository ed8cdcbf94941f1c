// A shop that sells by UnionPay's QR codes. README.md tells the rest.
import { createServer } from 'node:http';
import { mkdirSync, readFileSync } from 'node:fs';
import { createHmac, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Books, number } from './books.mjs';
import { UnionPay, wireTime } from './unionpay.mjs';

function setting(name, usual) {
  const value = process.env[name] ?? usual;
  if (value === undefined || value === '') {
    console.error(`${name} is not set; README.md lists the settings`);
    process.exit(1);
  }
  return value;
}

const timers = {
  giveUp: Number(setting('GIVE_UP_AFTER_MS', '3000')), orderExpiry: Number(setting('ORDER_EXPIRY_MS', '3500')),
  ask: Number(setting('ASK_EVERY_MS', '700')), refund: Number(setting('REFUND_EVERY_MS', '400')),
};
const data = setting('DATA', '.');
mkdirSync(data, { recursive: true });
const books = new Books(join(data, 'books.jsonl'));
const unionpay = new UnionPay({
  merId: setting('UNIONPAY_MER_ID'), certId: setting('UNIONPAY_CERT_ID'), key: readFileSync(setting('UNIONPAY_KEY_FILE')),
  root: readFileSync(setting('UNIONPAY_ROOT_FILE')), middle: readFileSync(setting('UNIONPAY_MIDDLE_FILE')),
  backUrl: setting('PUBLIC_URL') + '/unionpay/notify', timeout: Number(setting('CALL_TIMEOUT_MS', '1000')),
});
const secret = process.env.SESSION_SECRET ?? randomBytes(32).toString('hex');

class Told extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// Amounts are whole fen inside and decimal yuan outside.
function fen(text) {
  const parts = /^(\d{1,9})(?:\.(\d{1,2}))?$/.exec(text);
  if (!parts) throw new Told(400, `${text} is no amount in yuan`);
  return Number(parts[1]) * 100 + Number((parts[2] ?? '').padEnd(2, '0'));
}
const yuan = (minor) => `${Math.trunc(minor / 100)}.${String(minor % 100).padStart(2, '0')}`;

// What shoppers do.

const token = (user) => Buffer.from(user).toString('base64url') + '.' + createHmac('sha256', secret).update(user).digest('base64url');

function userOf(request) {
  const [name] = (request.headers.authorization ?? '').replace(/^Bearer /, '').split('.');
  const user = Buffer.from(name ?? '', 'base64url').toString();
  if (!user || request.headers.authorization !== 'Bearer ' + token(user)) throw new Told(401, 'log in first');
  return user;
}

function orderOf(user, id) {
  const order = books.orders.get(id);
  if (!order || order.user !== user) throw new Told(404, 'no such order');
  return order;
}

async function place(user, { key, items, total }) {
  if (!key || !Array.isArray(items) || items.length === 0) throw new Told(400, 'an order has a key and items');
  let sum = 0;
  for (const { count, price } of items) {
    if (!Number.isInteger(count) || count < 1) throw new Told(400, 'an item has a count');
    sum += count * fen(price);
  }
  if (sum !== fen(total) || sum < 1 || !Number.isSafeInteger(sum)) throw new Told(400, 'the total is not the sum of the items');
  const known = books.byKey.get(user + '/' + key);
  if (known) {
    await books.flushing;
    return page(known);
  }
  const order = { id: number('o'), key: user + '/' + key, user, state: 'NEW', total: sum, created: Date.now() };
  await books.save({ kind: 'orders', ...order });
  return page(books.orders.get(order.id));
}

async function start(user, id, { key }) {
  const order = orderOf(user, id);
  let payment = books.paymentsOf(id).find((other) => other.key === key);
  if (!payment) {
    if (order.state !== 'NEW') throw new Told(409, 'the order cannot be paid any more');
    const now = Date.now();
    const made = { id: number('p'), order: id, key, state: 'WAITING', amount: order.total, txnTime: wireTime(now), created: now,
      expires: Math.ceil((now + timers.giveUp) / 1000) * 1000, next: now + timers.ask };
    const saved = books.save({ kind: 'payments', ...made });
    payment = books.payments.get(made.id);
    await saved; // it is on disk before UnionPay hears of it
    await askForCode(payment);
  }
  await books.flushing;
  return shown(payment);
}

// askForCode asks once. A second time it would be a duplicate: a query tells what
// became of the first.
async function askForCode(payment) {
  try {
    const { outcome, code } = await unionpay.code(payment);
    if (outcome === 'success' && code) await books.save({ kind: 'payments', id: payment.id, code });
    else console.log('no code for', payment.id, outcome);
  } catch (problem) {
    console.log('no code yet:', problem.message);
  }
}

async function giveBack(user, id, { request, amount }) {
  orderOf(user, id);
  const payment = books.paymentsOf(id).find((other) => other.kept);
  if (!payment) throw new Told(409, 'the order is not paid');
  const refunds = books.refundsOf(payment.id);
  const known = refunds.find((other) => other.request === request);
  if (known) {
    await books.flushing;
    return given(known);
  }
  const promised = refunds.filter((other) => other.state !== 'REFUSED').reduce((sum, other) => sum + other.amount, 0);
  const minor = fen(amount);
  if (!request || minor < 1 || minor > payment.captured - promised) throw new Told(409, 'there is not so much to give back');
  const refund = { id: number('b'), payment: payment.id, order: id, request, cause: 'shopper', state: 'ASKED', amount: minor, txnTime: wireTime(Date.now()) };
  await books.save({ kind: 'refunds', ...refund });
  return given(books.refunds.get(refund.id));
}

const shown = (p) => ({ orderId: p.id, order: p.order, key: p.key, state: p.state, qr: p.code ?? '', queryId: p.queryId ?? '', captured: yuan(p.captured ?? 0) });
const given = (r) => ({ orderId: r.id, order: r.order, payment: r.payment, request: r.request, state: r.state, amount: yuan(r.amount) });
const page = (o) => ({ id: o.id, key: o.key.slice(o.key.indexOf('/') + 1), state: o.state, total: yuan(o.total), payments: books.paymentsOf(o.id).map(shown),
  refunds: [...books.refunds.values()].filter((r) => r.order === o.id).map(given) });
const all = () => ({ orders: [...books.orders.values()].map((o) => ({ ...page(o), payments: undefined, refunds: undefined })),
  payments: [...books.payments.values()].map(shown), refunds: [...books.refunds.values()].map(given) });

// What UnionPay says. No word about money is booked before a query confirms it.
async function notified(body) {
  const fields = Object.fromEntries(new URLSearchParams(body));
  unionpay.prove(fields);
  const payment = books.payments.get(fields.orderId);
  const refund = books.refunds.get(fields.orderId);
  if (payment) await decide(payment);
  else if (refund) await move(refund);
  else throw new Error('it is about nothing of ours');
  if (payment && payment.state === 'WAITING') throw new Error('a query does not confirm it yet');
  await books.flushing;
}

// What goes on by itself.

// decide finds out how a payment stands. UnionPay has no close: a code ends by its
// time, and until a little later money may still come.
async function decide(payment) {
  const seen = await unionpay.ask(payment);
  const over = Date.now() > payment.expires + 1000;
  if (seen.outcome === 'success') {
    if (seen.type !== '01' || seen.currency !== '156' || !Number.isSafeInteger(seen.amount)) throw new Error('the answer is about no such payment');
    await books.book(payment, seen, wireTime(Date.now()));
  } else if ((seen.outcome === 'none' || seen.outcome === 'refused') && over && payment.state === 'WAITING') {
    if (!payment.absent) await books.save({ kind: 'payments', id: payment.id, absent: true }); // once more, to be sure
    else await books.save({ kind: 'payments', id: payment.id, state: 'ENDED' });
  }
}

// move takes a refund a step further: sent with the same number and time until it
// is known to UnionPay, and then asked about.
async function move(refund) {
  if (refund.state === 'ASKED') {
    const taken = await unionpay.refund(refund, books.payments.get(refund.payment));
    if (taken === 'refused') return books.save({ kind: 'refunds', id: refund.id, state: 'REFUSED' });
    if (taken === 'success' || taken === 'duplicate') await books.save({ kind: 'refunds', id: refund.id, state: 'SENT' });
  }
  if (refund.state !== 'SENT') return undefined;
  const seen = await unionpay.ask(refund);
  if (seen.outcome === 'success' && seen.type === '04') return books.returned(refund);
  if (seen.outcome === 'refused') return books.save({ kind: 'refunds', id: refund.id, state: 'REFUSED' });
  return undefined;
}

const busy = new Set();

function step(row, every, what) {
  if (busy.has(row.id) || (row.next ?? 0) > Date.now()) return;
  busy.add(row.id);
  what(row).catch((problem) => console.log(row.id, problem.message)).finally(() => {
    row.next = Date.now() + every; // needs no disk: after a crash everything is due
    busy.delete(row.id);
  });
}

function sweep() {
  for (const payment of books.payments.values()) if (payment.state === 'WAITING') step(payment, timers.ask, decide);
  for (const refund of books.refunds.values()) if (refund.state === 'ASKED' || refund.state === 'SENT') step(refund, timers.refund, move);
  for (const order of books.orders.values()) {
    const waits = order.state !== 'NEW' || order.created + timers.orderExpiry > Date.now() || books.paymentsOf(order.id).some((p) => p.state === 'WAITING');
    if (!waits) books.save({ kind: 'orders', id: order.id, state: 'ENDED' }).catch((problem) => console.log(order.id, problem.message));
  }
}

// HTTP.

async function handle(request, body) {
  const path = new URL(request.url, 'http://shop').pathname.split('/').slice(1);
  const route = `${request.method} ${path[0]}${path[2] ? '/' + path[2] : ''}`;
  const json = () => {
    try {
      return JSON.parse(body || '{}');
    } catch {
      throw new Told(400, 'this is no JSON');
    }
  };
  switch (route) {
    case 'GET healthz': return {};
    case 'GET export': return all();
    case 'POST login': return { token: token(String(json().user)) };
    case 'POST orders': return place(userOf(request), json());
    case 'GET orders': return page(orderOf(userOf(request), path[1]));
    case 'POST orders/payments': return start(userOf(request), path[1], json());
    case 'POST orders/refunds': return giveBack(userOf(request), path[1], json());
    default: throw new Told(404, 'there is nothing here');
  }
}

const server = createServer(async (request, response) => {
  let body = '';
  try {
    for await (const part of request) {
      body += part;
      if (body.length > 1 << 20) throw new Told(413, 'too much');
    }
    if (request.url === '/unionpay/notify') {
      await notified(body);
      response.end('ok');
      return;
    }
    const said = JSON.stringify(await handle(request, body));
    response.writeHead(200, { 'Content-Type': 'application/json' }).end(said);
  } catch (problem) {
    if (!(problem instanceof Told)) console.log('refuse', request.url, problem.message);
    response.writeHead(problem.status ?? 500, { 'Content-Type': 'application/json' }).end(JSON.stringify({ error: problem.status ? problem.message : 'try again' }));
  }
});

const sweeping = setInterval(sweep, 40);
server.listen(Number(setting('PORT', '8080')), setting('HOST', '127.0.0.1'));
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, async () => {
    clearInterval(sweeping);
    server.close();
    server.closeAllConnections();
    await books.close();
    process.exit(0);
  });
}
