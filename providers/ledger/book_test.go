package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/journal"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers/ledger"
)

// tape keeps what was recorded.
type tape struct {
	mu      sync.Mutex
	records []journal.Record
}

func (t *tape) Record(_ context.Context, trial faults.Trial, record journal.Record) {
	t.mu.Lock()
	defer t.mu.Unlock()
	record.Trial = trial
	t.records = append(t.records, record)
}

func (t *tape) postings() []journal.Posting {
	t.mu.Lock()
	defer t.mu.Unlock()
	var postings []journal.Posting
	for _, record := range t.records {
		if record.Posting != nil {
			postings = append(postings, *record.Posting)
		}
	}
	return postings
}

func (t *tape) states(kind journal.EntryKind) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var states []string
	for _, record := range t.records {
		if record.Entry != nil && record.Entry.Kind == kind {
			states = append(states, record.Entry.State)
		}
	}
	return states
}

func open() (*ledger.Book, *tape) {
	written := &tape{}
	return ledger.NewBook("testpay", written, clock.System{}), written
}

func key(reference string) ledger.Key {
	return ledger.Key{Account: "m1", Reference: payment.MerchantReference(reference)}
}

func intent(reference string, fen int64) ledger.Intent {
	return ledger.Intent{Key: key(reference), Method: payment.MethodCode, Amount: payment.Fen(fen)}
}

// captured is a book with one payment of 1000 fen, paid by t1.
func captured(t *testing.T) (*ledger.Book, *tape) {
	t.Helper()
	book, written := open()
	ctx := t.Context()
	require.NoError(t, book.Fund(ctx, "t1", payment.Fen(5000)))
	_, err := book.Begin(ctx, "t1", intent("order1", 1000))
	require.NoError(t, err)
	_, err = book.Capture(ctx, key("order1"), "t1", "p1")
	require.NoError(t, err)
	return book, written
}

func refundOf(reference string, fen int64) ledger.RefundRequest {
	return ledger.RefundRequest{Payment: key("order1"), Reference: payment.RefundReference(reference), Amount: payment.Fen(fen)}
}

func TestBook_CaptureMovesMoneyOnce(t *testing.T) {
	book, written := captured(t)
	again, err := book.Capture(t.Context(), key("order1"), "t1", "p2")
	require.NoError(t, err)
	require.Equal(t, payment.ProviderReference("p1"), again.ProviderReference, "the first capture stands")
	require.Equal(t, payment.Fen(1000), book.Holdings("merchant:m1"))
	require.Len(t, written.postings(), 2, "funding and one capture")
	require.Equal(t, []string{"pending", "captured"}, written.states(journal.PaymentEntry))
	require.NoError(t, book.Audit())
}

func TestBook_Refusals(t *testing.T) {
	cases := map[string]struct {
		want error
		try  func(context.Context, *ledger.Book) error
	}{
		"the same reference for another amount": {ledger.ErrMismatch, func(ctx context.Context, b *ledger.Book) error {
			_, err := b.Begin(ctx, "t1", intent("order1", 1001))
			return err
		}},
		"no amount": {ledger.ErrBadAmount, func(ctx context.Context, b *ledger.Book) error {
			_, err := b.Begin(ctx, "t1", intent("order2", 0))
			return err
		}},
		"a second payer": {ledger.ErrMismatch, func(ctx context.Context, b *ledger.Book) error {
			_, err := b.Capture(ctx, key("order1"), "t2", "p2")
			return err
		}},
		"a wallet too small": {ledger.ErrNotEnough, func(ctx context.Context, b *ledger.Book) error {
			_, _ = b.Begin(ctx, "t1", intent("order2", 4001))
			_, err := b.Capture(ctx, key("order2"), "t1", "p2")
			return err
		}},
		"a capture after the close": {ledger.ErrEnded, func(ctx context.Context, b *ledger.Book) error {
			_, _ = b.Begin(ctx, "t1", intent("order2", 1))
			_ = b.Close(ctx, key("order2"), "")
			_, err := b.Capture(ctx, key("order2"), "t1", "p2")
			return err
		}},
		"a close after the capture": {ledger.ErrCaptured, func(ctx context.Context, b *ledger.Book) error {
			return b.Close(ctx, key("order1"), "")
		}},
		"a refund beyond the capture": {ledger.ErrBeyondCapture, func(ctx context.Context, b *ledger.Book) error {
			_, _, _ = b.Refund(ctx, refundOf("r1", 600))
			_, _, err := b.Refund(ctx, refundOf("r2", 401))
			return err
		}},
		"one refund number for two amounts": {ledger.ErrMismatch, func(ctx context.Context, b *ledger.Book) error {
			_, _, _ = b.Refund(ctx, refundOf("r1", 600))
			_, _, err := b.Refund(ctx, refundOf("r1", 400))
			return err
		}},
		"a reverse after a refund": {ledger.ErrRefunded, func(ctx context.Context, b *ledger.Book) error {
			_, _, _ = b.Refund(ctx, refundOf("r1", 600))
			_, err := b.Reverse(ctx, key("order1"))
			return err
		}},
		"a refund after a reverse": {ledger.ErrNotCaptured, func(ctx context.Context, b *ledger.Book) error {
			_, _ = b.Reverse(ctx, key("order1"))
			_, _, err := b.Refund(ctx, refundOf("r1", 600))
			return err
		}},
		"funding twice":      {ledger.ErrFunded, func(ctx context.Context, b *ledger.Book) error { return b.Fund(ctx, "t1", payment.Fen(1)) }},
		"an unknown payment": {ledger.ErrUnknown, func(ctx context.Context, b *ledger.Book) error { return b.Close(ctx, key("none"), "") }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			book, _ := captured(t)
			require.ErrorIs(t, c.try(t.Context(), book), c.want)
			require.NoError(t, book.Audit())
		})
	}
}

func TestBook_RefundPostsOnceWhenItIsDone(t *testing.T) {
	book, written := captured(t)
	accepted, fresh, err := book.Refund(t.Context(), refundOf("r1", 1000))
	require.NoError(t, err)
	require.True(t, fresh)
	require.Equal(t, payment.RefundProcessing, accepted.State)
	require.Equal(t, payment.Fen(1000), book.Holdings("merchant:m1"), "accepted is not done")
	for range 2 {
		done, err := book.Finish(t.Context(), accepted.RefundKey)
		require.NoError(t, err)
		require.Equal(t, payment.RefundDone, done.State)
	}
	_, fresh, err = book.Refund(t.Context(), refundOf("r1", 1000))
	require.NoError(t, err)
	require.False(t, fresh)
	balance, err := book.Balance("t1")
	require.NoError(t, err)
	require.Equal(t, payment.Fen(5000), balance)
	require.Len(t, written.postings(), 3)
	require.Equal(t, []string{"pending", "captured", "returned"}, written.states(journal.PaymentEntry))
	require.Equal(t, []string{"processing", "done"}, written.states(journal.RefundEntry))
}

// TestBook_RefundReferencesWithinAPayment: where a provider's refund references
// are unique only within a payment, two payments may use the same one.
func TestBook_RefundReferencesWithinAPayment(t *testing.T) {
	book, _ := open()
	require.NoError(t, book.Fund(t.Context(), "t1", payment.Fen(300)))
	for _, reference := range []string{"p1", "p2"} {
		_, err := book.Begin(t.Context(), "t1", intent(reference, 100))
		require.NoError(t, err)
		_, err = book.Capture(t.Context(), key(reference), "t1", payment.ProviderReference("x"+reference))
		require.NoError(t, err)
	}
	for i, reference := range []string{"p1", "p2", "p1"} {
		request := ledger.RefundRequest{Payment: key(reference), Reference: "r1", Amount: payment.Fen(40), WithinPayment: true}
		accepted, fresh, err := book.Refund(t.Context(), request)
		require.NoError(t, err)
		require.Equal(t, i < 2, fresh)
		require.Equal(t, request.Key(), accepted.RefundKey)
		_, err = book.Finish(t.Context(), request.Key())
		require.NoError(t, err)
	}
	balance, err := book.Balance("t1")
	require.NoError(t, err)
	require.Equal(t, payment.Fen(180), balance)
}

func TestBook_AbnormalRefundWaitsInSuspense(t *testing.T) {
	book, written := captured(t)
	accepted, _, err := book.Refund(t.Context(), refundOf("r1", 300))
	require.NoError(t, err)
	waiting, err := book.Suspend(t.Context(), accepted.RefundKey)
	require.NoError(t, err)
	require.True(t, waiting.Abnormal)
	require.Equal(t, payment.Fen(300), book.Holdings(ledger.Suspense))
	refused, err := book.Refuse(t.Context(), accepted.RefundKey)
	require.NoError(t, err)
	require.Equal(t, payment.RefundProcessing, refused.State, "money that left cannot be refused")
	_, err = book.Finish(t.Context(), accepted.RefundKey)
	require.NoError(t, err)
	require.True(t, book.Holdings(ledger.Suspense).IsZero())
	refunds := slices.DeleteFunc(written.postings(), func(p journal.Posting) bool { return p.Kind != journal.RefundPosting })
	require.Len(t, refunds, 1)
}

// The model: what each payment may have given and taken back at most.
func TestBook_ConservesMoney(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book, written := open()
		ctx := context.Background()
		trials := []faults.Trial{"t1", "t2", "t3"}
		for _, trial := range trials {
			if err := book.Fund(ctx, trial, payment.Fen(rapid.Int64Range(0, 3000).Draw(t, "balance"))); err != nil {
				t.Fatal(err)
			}
		}
		order := func() ledger.Key { return key(fmt.Sprintf("order%d", rapid.IntRange(1, 4).Draw(t, "order"))) }
		refund := func() ledger.RefundKey {
			return ledger.RefundKey{Account: "m1", Reference: payment.RefundReference(fmt.Sprintf("r%d", rapid.IntRange(1, 6).Draw(t, "refund")))}
		}
		trial := func() faults.Trial { return rapid.SampledFrom(trials).Draw(t, "trial") }
		allowed := func(err error) {
			for _, known := range []error{nil, ledger.ErrUnknown, ledger.ErrMismatch, ledger.ErrNotEnough, ledger.ErrEnded,
				ledger.ErrCaptured, ledger.ErrNotCaptured, ledger.ErrBeyondCapture, ledger.ErrRefunded} {
				if errors.Is(err, known) {
					return
				}
			}
			t.Fatalf("unexpected: %v", err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(*rapid.T) {
				_, err := book.Begin(ctx, trial(), ledger.Intent{Key: order(), Amount: payment.Fen(rapid.SampledFrom([]int64{100, 999, 2500}).Draw(t, "amount"))})
				allowed(err)
			},
			"capture": func(*rapid.T) {
				_, err := book.Capture(ctx, order(), trial(), payment.ProviderReference(fmt.Sprint(len(written.postings()))))
				allowed(err)
			},
			"decline": func(*rapid.T) { allowed(book.Decline(ctx, order(), "")) },
			"close":   func(*rapid.T) { allowed(book.Close(ctx, order(), "")) },
			"reverse": func(*rapid.T) { _, err := book.Reverse(ctx, order()); allowed(err) },
			"refund": func(*rapid.T) {
				asked := ledger.RefundRequest{Payment: order(), Reference: refund().Reference,
					Amount: payment.Fen(rapid.SampledFrom([]int64{50, 100, 999}).Draw(t, "part"))}
				_, _, err := book.Refund(ctx, asked)
				allowed(err)
			},
			"finish":  func(*rapid.T) { _, err := book.Finish(ctx, refund()); allowed(err) },
			"refuse":  func(*rapid.T) { _, err := book.Refuse(ctx, refund()); allowed(err) },
			"suspend": func(*rapid.T) { _, err := book.Suspend(ctx, refund()); allowed(err) },
			"": func(t *rapid.T) {
				if err := book.Audit(); err != nil {
					t.Fatal(err)
				}
				for _, trial := range trials {
					if balance, _ := book.Balance(trial); balance.Minor < 0 {
						t.Fatalf("wallet of %s: %s", trial, balance)
					}
				}
				checkPostings(t, written.postings())
			},
		})
	})
}

// checkPostings judges the record alone: each payment is captured at most
// once, and never more goes back than came.
func checkPostings(t *rapid.T, postings []journal.Posting) {
	kept, captures := map[payment.MerchantReference]int64{}, map[payment.MerchantReference]int{}
	for _, p := range postings {
		switch p.Kind {
		case journal.CapturePosting:
			kept[p.MerchantReference] += p.Amount.Minor
			captures[p.MerchantReference]++
		case journal.RefundPosting, journal.ReversePosting:
			kept[p.MerchantReference] -= p.Amount.Minor
		}
		if kept[p.MerchantReference] < 0 || captures[p.MerchantReference] > 1 {
			t.Fatalf("payment %s keeps %d after %d captures", p.MerchantReference, kept[p.MerchantReference], captures[p.MerchantReference])
		}
	}
}
