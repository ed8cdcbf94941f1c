package merchant

import (
	"net/http"
	"time"

	"github.com/payquake/payquake/payment"
)

// Policy holds the decisions of the checkout that merchants are known to get
// wrong. Each is a function so that one deviation (merchant/bugs) replaces one
// decision and nothing else; DefaultPolicy decides rightly.
type Policy struct {
	// ChargeAgain decides whether a repeated start of an undecided barcode
	// payment charges under a new reference. Otherwise the first charge may
	// have happened, and the shopper pays twice.
	ChargeAgain func(undecided payment.MerchantReference) bool
	// DeclineUndecided decides whether a pay-type call without an answer is
	// booked as declined. Otherwise money that was taken is never looked for.
	DeclineUndecided func(payment.Method) bool
	// AsksByItself decides whether pending payments are queried. Otherwise a
	// notification that never arrives is a payment that never happened.
	AsksByItself func(payment.Method) bool
	// CloseUnasked decides whether giving up skips the queries around the
	// close. Otherwise a payment made just before is thrown away.
	CloseUnasked func() bool
	// BookLate decides whether a capture is booked for a payment that had
	// been closed or declined. Otherwise late money is neither kept nor returned.
	BookLate func() bool
	// RetryRefundAs is the reference for the next try of an undecided refund.
	// A new one is a second refund.
	RetryRefundAs func(used payment.RefundReference) payment.RefundReference
	// AmountMatches decides whether a capture is what was due. Otherwise goods
	// worth a thousand leave for a fen.
	AmountMatches func(due, captured payment.Money) bool
	// ReturnSecond decides whether a second capture of one order goes back.
	// Otherwise the shopper has paid twice.
	ReturnSecond func() bool
	// CountRefunded is what the books say went back of an order, given what
	// surely did. More hides money still owed.
	CountRefunded func(done, captured payment.Money) payment.Money
	// ReleaseForRepeat is a further release for a repeated notification of a
	// captured payment; release is false when there is none. Otherwise goods
	// leave once per delivery. It is told of the first one too.
	ReleaseForRepeat func(orderID, messageID string, first bool) (key string, release bool)
	// CheckOutside is how long the gap is between checking that a payment is
	// undecided and booking it, when the check is made outside of the booking
	// transaction; 0 means inside. Otherwise two deliveries at once both pass.
	CheckOutside func() time.Duration
	// TrustUnverified decides whether a notification is believed although its
	// signature does not verify. Otherwise anyone can pay with a letter.
	TrustUnverified func(reason error) bool
	// RefusesCertificate decides whether a verified notification is refused because
	// of the certificate that it is signed with. Otherwise than never, the day on
	// which a provider changes its certificate is the last on which it is heard.
	RefusesCertificate func(provider payment.ProviderName, header http.Header, body []byte) bool
	// TakesOtherAnswer decides whether an answer about another payment than the
	// one that was asked for is booked on that other one. Otherwise a provider
	// that mixes up its answers pays orders nobody paid.
	TakesOtherAnswer func(asked, answered payment.MerchantReference) bool
	// AcknowledgeFirst is how long after its acknowledgement a notification is
	// booked, 0 meaning before. Otherwise a crash in between loses it for good.
	AcknowledgeFirst func() time.Duration
	// AcknowledgesFailure decides whether a notification that could not be booked is
	// acknowledged all the same. Otherwise than never, the provider takes the shop's
	// word that it knows.
	AcknowledgesFailure func(failure error) bool
	// ChangesWhilePaying decides whether a basket may change although a payment of
	// it was begun. Otherwise a small basket is paid and a big one is sent.
	ChangesWhilePaying func() bool
	// Ask is what the provider is asked to collect for an order. Anything but the
	// total is another price.
	Ask func(due payment.Money) payment.Money
	// VerifiedBody is what a notification's signature is checked over. Anything but
	// the bytes that came has another signature.
	VerifiedBody func(body []byte) []byte
	// RefundState is what a provider's report of a refund is booked as. Accepted is
	// not done.
	RefundState func(reported payment.RefundState) payment.RefundState
	// CheckRefundOutside is how long the gap is between checking what is left to
	// refund and storing a refund, when the check is made outside of the order's
	// lock; 0 means inside. Otherwise two requests at once both find enough.
	CheckRefundOutside func() time.Duration
	// MovesBack decides whether a provider's "unpaid" is booked over what is paid.
	// Otherwise the slowest message wins.
	MovesBack func() bool
	// CommitTwice is how long the gap is between booking a payment and letting its
	// goods go, when these are two transactions; 0 means one. Otherwise a crash in
	// between takes the money and keeps the goods.
	CommitTwice func() time.Duration
	// ReferenceFor is the merchant reference of an order's payment; "" for a fresh
	// one each time.
	ReferenceFor func(shopper, basket string) payment.MerchantReference
	// RenewsRequest decides whether a create that was not answered is sent again with
	// what is true now, instead of as it was. Otherwise the provider sees another
	// payment under one number, and refuses it.
	RenewsRequest func() bool
	// TrustsReturn decides whether a browser that comes back has paid. Otherwise
	// whoever knows the address has.
	TrustsReturn func() bool

	// What follows is as right either way; merchant/twins decide it otherwise.

	// AnswersAfter is how long a notification waits for its answer when all is booked.
	AnswersAfter func() time.Duration
	// AsksAboutNotices decides whether every notification is confirmed by a query
	// before it is booked, and not only where the provider demands it.
	AsksAboutNotices func() bool
	// GivesBack decides whether money that does not belong to the shop is refunded by
	// itself; otherwise it is handed over to people.
	GivesBack func() bool
	// KeepsBalances decides whether such money stays, as the shopper's balance at the
	// shop.
	KeepsBalances func() bool
	// GivesBackAfter is how long a refund of such money waits.
	GivesBackAfter func() time.Duration
	// ReleasesAfter is how long goods wait once they are paid.
	ReleasesAfter func() time.Duration
	// OffersOneCode decides whether a second payment of an order is refused while one
	// is pending.
	OffersOneCode func() bool
	// Recreates decides whether a create that was not answered is given up, once it
	// is proven to have ended, and made anew under another number, instead of being
	// sent again as it was.
	Recreates func(payment.Method) bool
}

// DefaultPolicy decides everything rightly.
func DefaultPolicy() Policy {
	return Policy{
		ChargeAgain:         func(payment.MerchantReference) bool { return false },
		DeclineUndecided:    func(payment.Method) bool { return false },
		AsksByItself:        func(payment.Method) bool { return true },
		CloseUnasked:        func() bool { return false },
		BookLate:            func() bool { return true },
		RetryRefundAs:       func(used payment.RefundReference) payment.RefundReference { return used },
		AmountMatches:       func(due, captured payment.Money) bool { return due == captured },
		ReturnSecond:        func() bool { return true },
		CountRefunded:       func(done, _ payment.Money) payment.Money { return done },
		ReleaseForRepeat:    func(string, string, bool) (string, bool) { return "", false },
		CheckOutside:        func() time.Duration { return 0 },
		TrustUnverified:     func(error) bool { return false },
		RefusesCertificate:  func(payment.ProviderName, http.Header, []byte) bool { return false },
		TakesOtherAnswer:    func(payment.MerchantReference, payment.MerchantReference) bool { return false },
		AcknowledgeFirst:    func() time.Duration { return 0 },
		AcknowledgesFailure: func(error) bool { return false },

		Ask:                func(due payment.Money) payment.Money { return due },
		VerifiedBody:       func(body []byte) []byte { return body },
		RefundState:        func(reported payment.RefundState) payment.RefundState { return reported },
		CheckRefundOutside: func() time.Duration { return 0 },
		MovesBack:          func() bool { return false },
		CommitTwice:        func() time.Duration { return 0 },
		ReferenceFor:       func(string, string) payment.MerchantReference { return "" },
		RenewsRequest:      func() bool { return false },
		ChangesWhilePaying: func() bool { return false },
		TrustsReturn:       func() bool { return false },

		AnswersAfter:     func() time.Duration { return 0 },
		AsksAboutNotices: func() bool { return false },
		GivesBack:        func() bool { return true },
		KeepsBalances:    func() bool { return false },
		GivesBackAfter:   func() time.Duration { return 0 },
		ReleasesAfter:    func() time.Duration { return 0 },
		OffersOneCode:    func() bool { return false },
		Recreates:        func(payment.Method) bool { return false },
	}
}
