// Package merchant is the reference merchant: a marketplace checkout done
// right, small enough to be read in an afternoon. It is the system under
// test, so it stands by itself: its own provider clients, its own database,
// its own reader of the time.
//
// Four rules carry it.
//
//   - Intent before effect. The exact request bytes and the merchant reference
//     are in the database before a provider hears of them; a retry sends the
//     same bytes, so the provider can recognise it.
//   - Not knowing is an outcome. A timeout, a 5xx or an answer whose signature
//     does not verify leaves a payment pending; only a verified notification
//     or query ends it.
//   - One place books. Notifications, queries and synchronous answers all end
//     in one function inside one transaction that holds the order's lock.
//   - Nobody waits in memory. Every unfinished payment, refund and release has
//     a next_action_at in the database, so that a process killed at any point
//     goes on where it was.
//
// Words: an order is bought, a payment collects for it, a refund gives back, a
// release lets goods go, and what the merchant cannot finish is handed over to
// people. The core knows no provider; it meets them through Provider.
//
// It will not reconcile statements (that is a job of its own) and it trusts
// its own database.
package merchant
