"""The stall's database, and the rules by which money is booked."""
import secrets
import sqlite3
import threading
import time

SCHEMA = """
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, product TEXT NOT NULL,
  quantity INTEGER NOT NULL, total INTEGER NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS stock (product TEXT PRIMARY KEY, left INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payments (id TEXT PRIMARY KEY, order_id TEXT NOT NULL, key TEXT NOT NULL, state TEXT NOT NULL, content TEXT NOT NULL,
  code TEXT NOT NULL DEFAULT '', trade_no TEXT NOT NULL DEFAULT '', captured INTEGER NOT NULL DEFAULT 0, kept INTEGER NOT NULL DEFAULT 0,
  created REAL NOT NULL, expires REAL NOT NULL, absent REAL NOT NULL DEFAULT 0, next REAL NOT NULL, UNIQUE (order_id, key));
CREATE UNIQUE INDEX IF NOT EXISTS one_kept ON payments (order_id) WHERE kept = 1;
CREATE TABLE IF NOT EXISTS refunds (id TEXT PRIMARY KEY, order_id TEXT NOT NULL, payment_id TEXT NOT NULL, request TEXT NOT NULL, cause TEXT NOT NULL,
  state TEXT NOT NULL, amount INTEGER NOT NULL, next REAL NOT NULL, UNIQUE (payment_id, request, cause));
"""


class Told(Exception):
    """A refusal that the shopper is told: status and text."""


def number(prefix):
    return prefix + secrets.token_hex(10)


class Books:
    def __init__(self, path, products):
        self.lock = threading.RLock()  # of two that book the same money the second sees the first
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.row_factory = sqlite3.Row
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.executescript(SCHEMA)
        for product in products.values():
            self.db.execute("INSERT INTO stock VALUES (?, ?) ON CONFLICT DO NOTHING", (product["id"], product["stock"]))

    def __enter__(self):
        self.lock.acquire()
        self.db.execute("BEGIN IMMEDIATE")
        return self

    def __exit__(self, kind, problem, trace):
        try:
            self.db.execute("ROLLBACK" if kind else "COMMIT")
        finally:
            self.lock.release()

    def all(self, query, *values):
        with self.lock:
            return [dict(row) for row in self.db.execute(query, values)]

    def one(self, query, *values):
        found = self.all(query, *values)
        return found[0] if found else None

    def run(self, query, *values):
        with self.lock:
            return self.db.execute(query, values)

    def place(self, key, product, quantity, total):
        with self:
            known = self.one("SELECT * FROM orders WHERE key = ?", key)
            if known:
                return known
            taken = self.run("UPDATE stock SET left = left - ? WHERE product = ? AND left >= ?", quantity, product, quantity)
            if taken.rowcount != 1:
                raise Told(409, "sold out")
            self.run("INSERT INTO orders VALUES (?, ?, 'open', ?, ?, ?, ?)", number("o"), key, product, quantity, total, time.time())
            return self.one("SELECT * FROM orders WHERE key = ?", key)

    def start(self, order_id, key, wait, content):
        """A payment of an order, and whether it is new."""
        with self:
            order = self.one("SELECT * FROM orders WHERE id = ?", order_id)
            if not order:
                raise Told(404, "no such order")
            known = self.one("SELECT * FROM payments WHERE order_id = ? AND key = ?", order_id, key)
            if known:
                return known
            if order["state"] != "open":
                raise Told(409, "the order cannot be paid any more")
            reference, now = number("p"), time.time()
            expires = int(now + wait) + 1  # Alipay counts whole seconds
            self.run("INSERT INTO payments (id, order_id, key, state, content, created, expires, next) VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?)",
                     reference, order_id, key, content(reference, order, expires), now, expires, now + 0.6)
            return self.one("SELECT * FROM payments WHERE id = ?", reference)

    def book(self, reference, trade_no, captured):
        """Books money that Alipay took. The first payment of an open order that is of its total pays it; all else goes back."""
        with self:
            payment = self.one("SELECT * FROM payments WHERE id = ?", reference)
            if payment["state"] in ("paid", "returned"):
                return
            order = self.one("SELECT * FROM orders WHERE id = ?", payment["order_id"])
            cause = "wrong amount" if captured != order["total"] else {"open": "", "closed": "late"}.get(order["state"], "second")
            self.run("UPDATE payments SET state = 'paid', trade_no = ?, captured = ?, kept = ? WHERE id = ?", trade_no, captured, cause == "", reference)
            if cause:
                self.ask_back("r" + reference, payment, "", cause, captured)
            else:
                self.run("UPDATE orders SET state = 'paid' WHERE id = ?", order["id"])

    def ask_back(self, reference, payment, request, cause, amount):
        self.run("INSERT INTO refunds VALUES (?, ?, ?, ?, ?, 'asked', ?, ?)", reference, payment["order_id"], payment["id"], request, cause, amount, time.time())

    def refund(self, order_id, request, amount):
        with self:
            payment = self.one("SELECT * FROM payments WHERE order_id = ? AND kept = 1", order_id)
            if not payment:
                raise Told(409, "the order is not paid")
            known = self.one("SELECT * FROM refunds WHERE payment_id = ? AND request = ?", payment["id"], request)
            if known:
                return known
            promised = self.one("SELECT COALESCE(SUM(amount), 0) AS sum FROM refunds WHERE payment_id = ? AND state <> 'refused'", payment["id"])["sum"]
            if not request or amount < 1 or amount > payment["captured"] - promised:
                raise Told(409, "there is not so much to give back")
            self.ask_back(number("b"), payment, request, "shopper", amount)
            return self.one("SELECT * FROM refunds WHERE payment_id = ? AND request = ?", payment["id"], request)

    def returned(self, refund_id):
        """Books that a refund is done, and what follows for its payment and its order."""
        with self:
            refund = self.one("SELECT * FROM refunds WHERE id = ?", refund_id)
            if not refund or refund["state"] != "asked":
                return
            self.run("UPDATE refunds SET state = 'done' WHERE id = ?", refund_id)
            payment = self.one("SELECT * FROM payments WHERE id = ?", refund["payment_id"])
            done = self.one("SELECT SUM(amount) AS sum FROM refunds WHERE payment_id = ? AND state = 'done'", payment["id"])["sum"]
            if done >= payment["captured"]:
                self.run("UPDATE payments SET state = 'returned' WHERE id = ?", payment["id"])
                if payment["kept"]:
                    self.run("UPDATE orders SET state = 'refunded' WHERE id = ?", payment["order_id"])

    def expire(self, age):
        """Ends orders that nobody paid in time; their goods go back on the shelf."""
        with self:
            for order in self.all("SELECT * FROM orders WHERE state = 'open' AND created < ? AND NOT EXISTS (SELECT 1 FROM payments "
                                  "WHERE order_id = orders.id AND (state = 'waiting' OR kept = 1))", time.time() - age):
                self.run("UPDATE orders SET state = 'closed' WHERE id = ?", order["id"])
                self.run("UPDATE stock SET left = left + ? WHERE product = ?", order["quantity"], order["product"])

    def due(self, table, states):
        """Takes what is due of a table; it is not due again for a while, so that nothing is done twice at a time."""
        with self:
            now = time.time()
            found = self.all(f"SELECT rowid AS row, * FROM {table} WHERE state IN ({states}) AND next <= ? LIMIT 64", now)
            for row in found:
                self.run(f"UPDATE {table} SET next = ? WHERE rowid = ?", now + 8, row["row"])
            return found
