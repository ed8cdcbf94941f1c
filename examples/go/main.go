// The shop in this folder sells by WeChat Pay. It stands for a team's own checkout:
// it knows nothing of payquake, and the provider's host is written in its source.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// settings are the shop's, from its environment.
type settings struct {
	Address   string // host:port it listens on
	Database  string
	PublicURL string // where WeChat Pay finds it
	WeChat    account
	Timers    timers
	Bug       string // a mistake to make, for the example's own test: refund-again
}

// timers are all the times after which the shop acts by itself.
type timers struct {
	Call        time.Duration // one call to WeChat Pay
	Backoff     time.Duration // before the second try; it doubles
	Ask         time.Duration // between queries of a payment that is not decided
	GiveUp      time.Duration // the age at which a payment is closed
	OrderExpiry time.Duration // the age at which an order that nobody pays ends
	AskRefund   time.Duration // between steps of a refund
}

func readSettings() (settings, error) {
	var problems []error
	required := func(name string) string {
		value := os.Getenv(name)
		if value == "" {
			problems = append(problems, fmt.Errorf("%s is not set", name))
		}
		return value
	}
	or := func(name, usual string) string {
		if value := os.Getenv(name); value != "" {
			return value
		}
		return usual
	}
	file := func(name string) []byte {
		text, err := os.ReadFile(required(name))
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", name, err))
		}
		return text
	}
	wait := func(name, usual string) time.Duration {
		d, err := time.ParseDuration(or(name, usual))
		if err != nil || d <= 0 {
			problems = append(problems, fmt.Errorf("%s: want a time such as 4s", name))
		}
		return d
	}
	s := settings{
		Address:   net.JoinHostPort(or("HOST", "127.0.0.1"), or("PORT", "8080")),
		Database:  filepath.Join(or("DATA", "."), "shop.db"),
		PublicURL: required("PUBLIC_URL"),
		Bug:       os.Getenv("SHOP_BUG"),
		WeChat: account{
			MchID: required("WECHAT_MCHID"), AppID: required("WECHAT_APPID"), Serial: required("WECHAT_SERIAL"),
			APIv3Key: required("WECHAT_APIV3_KEY"), PublicKeyID: required("WECHAT_PUBLIC_KEY_ID"),
		},
		Timers: timers{Call: wait("CALL_TIMEOUT", "1s"), Backoff: wait("BACKOFF", "100ms"), Ask: wait("ASK_EVERY", "700ms"),
			GiveUp: wait("GIVE_UP_AFTER", "3s"), OrderExpiry: wait("ORDER_EXPIRY", "3500ms"), AskRefund: wait("ASK_REFUND_EVERY", "400ms")},
	}
	private, public := file("WECHAT_KEY_FILE"), file("WECHAT_PUBLIC_KEY_FILE")
	if len(problems) == 0 {
		problems = append(problems, s.WeChat.keys(private, public))
	}
	return s, errors.Join(problems...)
}

func main() {
	s, err := readSettings()
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, s); err != nil {
		log.Fatal(err)
	}
}

// run serves until ctx ends.
func run(ctx context.Context, s settings) error {
	books, err := openBooks(s.Database)
	if err != nil {
		return err
	}
	defer books.close()
	shop := &shop{settings: s, books: books, wechat: newClient(s)}
	server := &http.Server{Addr: s.Address, Handler: shop.handler(), ReadHeaderTimeout: 5 * time.Second}
	worked := make(chan struct{})
	go func() {
		defer close(worked)
		shop.work(ctx)
	}()
	go func() {
		<-ctx.Done()
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		_ = server.Shutdown(limited) // who is still calling is cut off
	}()
	err = server.ListenAndServe()
	<-worked
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
