package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // the driver
)

// The states of what the shop keeps.
const (
	orderNew, orderPaid, orderRefunded, orderClosed         = "NEW", "PAID", "REFUNDED", "CLOSED"
	paymentStarted, paymentPaid, paymentClosed, paymentBack = "STARTED", "PAID", "CLOSED", "RETURNED"
	refundAsked, refundSent, refundDone, refundRefused      = "ASKED", "SENT", "DONE", "REFUSED"
	causeShopper, causeSecond, causeLate, causeWrongAmount  = "shopper", "second payment", "late payment", "wrong amount"
)

// order is what a shopper wants.
type order struct {
	ID          string `json:"id"`
	Key         string `json:"key"`
	State       string `json:"state"`
	Total       int64  `json:"total"`
	Description string `json:"-"`
	Created     int64  `json:"-"` // milliseconds since 1970, as all times here
}

// payment is one code for an order. Its id is its out_trade_no.
type payment struct {
	ID            string `json:"out_trade_no"`
	OrderID       string `json:"order_id"`
	Key           string `json:"key"`
	State         string `json:"state"`
	Code          string `json:"code_url"`
	TransactionID string `json:"transaction_id"`
	Captured      int64  `json:"captured"`
	Kept          bool   `json:"-"` // it is what the order was paid with
	Created       int64  `json:"-"`
	Next          int64  `json:"-"` // when the shop looks at it again
}

// refund is money on its way back. Its id is its out_refund_no.
type refund struct {
	ID        string `json:"out_refund_no"`
	OrderID   string `json:"order_id"`
	PaymentID string `json:"out_trade_no"`
	RequestID string `json:"request_id"` // "" for those that the shop begins itself
	RefundID  string `json:"refund_id"`
	Cause     string `json:"cause"`
	State     string `json:"state"`
	Amount    int64  `json:"amount"`
	Next      int64  `json:"-"`
}

// books are the shop's database. One connection makes every transaction follow the
// one before, so that of two that book the same money the second sees the first.
type books struct{ db *sql.DB }

const schema = `
CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, total INTEGER NOT NULL,
  description TEXT NOT NULL, created INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS payments (id TEXT PRIMARY KEY, order_id TEXT NOT NULL REFERENCES orders, key TEXT NOT NULL, state TEXT NOT NULL,
  code TEXT NOT NULL DEFAULT '', transaction_id TEXT NOT NULL DEFAULT '', captured INTEGER NOT NULL DEFAULT 0,
  kept BOOLEAN NOT NULL DEFAULT FALSE, created INTEGER NOT NULL, next INTEGER NOT NULL, UNIQUE (order_id, key));
CREATE UNIQUE INDEX IF NOT EXISTS one_kept ON payments (order_id) WHERE kept;
CREATE TABLE IF NOT EXISTS refunds (id TEXT PRIMARY KEY, order_id TEXT NOT NULL, payment_id TEXT NOT NULL REFERENCES payments,
  request_id TEXT NOT NULL, refund_id TEXT NOT NULL DEFAULT '', cause TEXT NOT NULL, state TEXT NOT NULL, amount INTEGER NOT NULL,
  next INTEGER NOT NULL, UNIQUE (payment_id, request_id, cause));
CREATE INDEX IF NOT EXISTS payments_due ON payments (next) WHERE state = 'STARTED';
CREATE INDEX IF NOT EXISTS refunds_due ON refunds (next) WHERE state IN ('ASKED', 'SENT');
`

func openBooks(path string) (*books, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=busy_timeout(5000)&_pragma=synchronous(NORMAL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	if _, err := db.Exec(schema); err != nil {
		db.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return &books{db}, nil
}

func (b *books) close() { b.db.Close() }

// tx runs a transaction.
func (b *books) tx(do func(*sql.Tx) error) error {
	tx, err := b.db.Begin()
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback() // the error is what matters
		return err
	}
	return tx.Commit()
}

// reader is what rows are read from: the database or a transaction.
type reader interface {
	Query(query string, arguments ...any) (*sql.Rows, error)
}

func rows[Row any](from reader, scan func(*sql.Rows, *Row) error, query string, arguments ...any) ([]Row, error) {
	found, err := from.Query(query, arguments...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	all := []Row{}
	for found.Next() {
		var row Row
		if err := scan(found, &row); err != nil {
			return nil, err
		}
		all = append(all, row)
	}
	return all, found.Err()
}

func one[Row any](all []Row, err error) (Row, error) {
	var none Row
	if err != nil || len(all) == 0 {
		if err == nil {
			err = sql.ErrNoRows
		}
		return none, err
	}
	return all[0], nil
}

func orders(from reader, where string, arguments ...any) ([]order, error) {
	return rows(from, func(r *sql.Rows, o *order) error {
		return r.Scan(&o.ID, &o.Key, &o.State, &o.Total, &o.Description, &o.Created)
	}, "SELECT id, key, state, total, description, created FROM orders "+where, arguments...)
}

func payments(from reader, where string, arguments ...any) ([]payment, error) {
	return rows(from, func(r *sql.Rows, p *payment) error {
		return r.Scan(&p.ID, &p.OrderID, &p.Key, &p.State, &p.Code, &p.TransactionID, &p.Captured, &p.Kept, &p.Created, &p.Next)
	}, "SELECT id, order_id, key, state, code, transaction_id, captured, kept, created, next FROM payments "+where, arguments...)
}

func refunds(from reader, where string, arguments ...any) ([]refund, error) {
	return rows(from, func(r *sql.Rows, f *refund) error {
		return r.Scan(&f.ID, &f.OrderID, &f.PaymentID, &f.RequestID, &f.RefundID, &f.Cause, &f.State, &f.Amount, &f.Next)
	}, "SELECT id, order_id, payment_id, request_id, refund_id, cause, state, amount, next FROM refunds "+where, arguments...)
}

func now() int64 { return time.Now().UnixMilli() }

// book books money that WeChat Pay has taken for a payment. It is safe to call any
// number of times. The first payment of an open order that is of its total pays
// it; all other money goes back.
func (b *books) book(t trade) error {
	return b.tx(func(tx *sql.Tx) error {
		p, err := one(payments(tx, "WHERE id = ?", t.OutTradeNo))
		if err != nil || p.State == paymentPaid || p.State == paymentBack {
			return err
		}
		o, err := one(orders(tx, "WHERE id = ?", p.OrderID))
		if err != nil {
			return err
		}
		cause := ""
		switch {
		case t.Amount.Total != o.Total:
			cause = causeWrongAmount
		case o.State == orderClosed:
			cause = causeLate
		case o.State != orderNew:
			cause = causeSecond
		}
		if _, err := tx.Exec("UPDATE payments SET state = ?, transaction_id = ?, captured = ?, kept = ? WHERE id = ?",
			paymentPaid, t.TransactionID, t.Amount.Total, cause == "", p.ID); err != nil {
			return err
		}
		if cause == "" {
			_, err := tx.Exec("UPDATE orders SET state = ? WHERE id = ?", orderPaid, o.ID)
			return err
		}
		return insertRefund(tx, refund{ID: "r" + p.ID, OrderID: o.ID, PaymentID: p.ID, Cause: cause, Amount: t.Amount.Total})
	})
}

func insertRefund(tx *sql.Tx, r refund) error {
	_, err := tx.Exec("INSERT INTO refunds (id, order_id, payment_id, request_id, cause, state, amount, next) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
		r.ID, r.OrderID, r.PaymentID, r.RequestID, r.Cause, refundAsked, r.Amount, now())
	return err
}

// returned books what WeChat Pay says of a refund, and what follows from it for
// its payment and its order.
func (b *books) returned(said back, status string) error {
	return b.tx(func(tx *sql.Tx) error {
		r, err := one(refunds(tx, "WHERE id = ?", said.OutRefundNo))
		if err != nil || r.State == refundDone || r.State == refundRefused {
			return err
		}
		state := map[string]string{"SUCCESS": refundDone, "CLOSED": refundRefused, "ABNORMAL": refundRefused}[status]
		if state == "" {
			state = refundSent
		}
		if _, err := tx.Exec("UPDATE refunds SET state = ?, refund_id = ? WHERE id = ?", state, said.RefundID, r.ID); err != nil || state != refundDone {
			return err
		}
		p, err := one(payments(tx, "WHERE id = ?", r.PaymentID))
		if err != nil {
			return err
		}
		var done int64
		if err := tx.QueryRow("SELECT COALESCE(SUM(amount), 0) FROM refunds WHERE payment_id = ? AND state = ?", p.ID, refundDone).Scan(&done); err != nil {
			return err
		}
		if done < p.Captured {
			return nil
		}
		if _, err := tx.Exec("UPDATE payments SET state = ? WHERE id = ?", paymentBack, p.ID); err != nil || !p.Kept {
			return err
		}
		_, err = tx.Exec("UPDATE orders SET state = ? WHERE id = ?", orderRefunded, p.OrderID)
		return err
	})
}
