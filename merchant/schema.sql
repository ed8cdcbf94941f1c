-- One schema for SQLite and PostgreSQL. Times are Unix nanoseconds, amounts
-- minor units. next_action_at is when a row wants a worker, 0 for never;
-- busy_until is how long a worker holds it.

CREATE TABLE IF NOT EXISTS orders (
  id TEXT PRIMARY KEY,
  order_key TEXT NOT NULL UNIQUE,
  fingerprint TEXT NOT NULL,
  shopper TEXT NOT NULL,
  description TEXT NOT NULL,
  lines TEXT NOT NULL,
  total_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  state TEXT NOT NULL,
  refunded_minor BIGINT NOT NULL DEFAULT 0,
  paid_by TEXT NOT NULL DEFAULT '',
  traceparent TEXT NOT NULL DEFAULT '',
  created_at BIGINT NOT NULL,
  next_action_at BIGINT NOT NULL DEFAULT 0,
  busy_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS orders_due ON orders (next_action_at) WHERE next_action_at > 0;

-- Orders of several shops that are paid together; order_ids has them, with
-- spaces between.
CREATE TABLE IF NOT EXISTS baskets (
  id TEXT PRIMARY KEY,
  basket_key TEXT NOT NULL UNIQUE,
  fingerprint TEXT NOT NULL,
  order_ids TEXT NOT NULL
);

-- A state is entered at most once, so order and state are the key.
CREATE TABLE IF NOT EXISTS order_history (
  order_id TEXT NOT NULL,
  state TEXT NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (order_id, state)
);

CREATE TABLE IF NOT EXISTS payments (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  payment_key TEXT NOT NULL,
  provider TEXT NOT NULL,
  method TEXT NOT NULL,
  reference TEXT NOT NULL,
  provider_reference TEXT NOT NULL DEFAULT '',
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  state TEXT NOT NULL,
  captured_minor BIGINT NOT NULL DEFAULT 0,
  captured_currency TEXT NOT NULL DEFAULT '',
  captured_at BIGINT NOT NULL DEFAULT 0,
  request_path TEXT NOT NULL,
  request_body TEXT NOT NULL,
  answered BIGINT NOT NULL DEFAULT 0,
  invitation TEXT NOT NULL DEFAULT '{}',
  tries BIGINT NOT NULL DEFAULT 0,
  asks BIGINT NOT NULL DEFAULT 0,
  absent_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  next_action_at BIGINT NOT NULL DEFAULT 0,
  busy_until BIGINT NOT NULL DEFAULT 0,
  UNIQUE (order_id, payment_key),
  UNIQUE (provider, reference)
);
CREATE INDEX IF NOT EXISTS payments_due ON payments (next_action_at) WHERE next_action_at > 0;

CREATE TABLE IF NOT EXISTS refunds (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  provider TEXT NOT NULL,
  request_id TEXT NOT NULL,
  reference TEXT NOT NULL,
  provider_reference TEXT NOT NULL DEFAULT '',
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  state TEXT NOT NULL,
  cause TEXT NOT NULL,
  request_path TEXT NOT NULL,
  request_body TEXT NOT NULL,
  tries BIGINT NOT NULL DEFAULT 0,
  asks BIGINT NOT NULL DEFAULT 0,
  absent_at BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  next_action_at BIGINT NOT NULL DEFAULT 0,
  busy_until BIGINT NOT NULL DEFAULT 0,
  UNIQUE (order_id, request_id),
  UNIQUE (provider, reference)
);
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (next_action_at) WHERE next_action_at > 0;
CREATE INDEX IF NOT EXISTS refunds_payment ON refunds (payment_id);

-- The outbox: goods that may leave. id is the idempotency key.
CREATE TABLE IF NOT EXISTS releases (
  id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  released_at BIGINT NOT NULL DEFAULT 0,
  tries BIGINT NOT NULL DEFAULT 0,
  created_at BIGINT NOT NULL,
  next_action_at BIGINT NOT NULL DEFAULT 0,
  busy_until BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS releases_due ON releases (next_action_at) WHERE next_action_at > 0;
CREATE INDEX IF NOT EXISTS releases_order ON releases (order_id);

-- id is the refund's or the payment's, so that nothing is listed twice.
CREATE TABLE IF NOT EXISTS handed_over (
  id TEXT PRIMARY KEY,
  at BIGINT NOT NULL,
  order_id TEXT NOT NULL,
  payment_id TEXT NOT NULL,
  refund_id TEXT NOT NULL DEFAULT '',
  reference TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  reason TEXT NOT NULL
);

-- What shoppers have at a shop that keeps balances, and which payments made it.
CREATE TABLE IF NOT EXISTS balances (
  account TEXT NOT NULL,
  currency TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  PRIMARY KEY (account, currency)
);
CREATE TABLE IF NOT EXISTS credits (
  payment_id TEXT PRIMARY KEY,
  order_id TEXT NOT NULL,
  account TEXT NOT NULL,
  reference TEXT NOT NULL,
  amount_minor BIGINT NOT NULL,
  currency TEXT NOT NULL,
  at BIGINT NOT NULL
);
