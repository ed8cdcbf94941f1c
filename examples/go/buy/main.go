// Command buy buys at the shop as a team's own end-to-end test would: it orders,
// asks for a code, and looks at the order's page until it is over. Whoever holds
// the wallet must pay. It knows nothing of payquake but the variable MERCHANT_URL.
package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"os"
	"sync"
	"time"
)

func main() {
	orders := flag.Int("orders", 40, "how many orders to place")
	flag.Parse()
	var buyers sync.WaitGroup
	slots := make(chan struct{}, 8)
	for n := range *orders {
		slots <- struct{}{}
		buyers.Go(func() {
			defer func() { <-slots }()
			state, err := buy(os.Getenv("MERCHANT_URL"), n)
			fmt.Println(n, state, err)
		})
	}
	buyers.Wait()
}

// buy buys one thing and returns the last state that its page showed.
func buy(shop string, n int) (state string, err error) {
	price := 100 + 7*n
	var order struct {
		ID    string `json:"id"`
		State string `json:"state"`
	}
	if err := call(http.MethodPost, shop+"/orders", map[string]any{"key": fmt.Sprint("order-", n), "total": price,
		"lines": []map[string]any{{"name": "tea", "quantity": 1, "price": price}}}, &order); err != nil {
		return "", err
	}
	if err := call(http.MethodPost, shop+"/orders/"+order.ID+"/payments", map[string]any{"key": fmt.Sprint("start-", n)}, nil); err != nil {
		return "", err
	}
	for range 40 {
		if err := call(http.MethodGet, shop+"/orders/"+order.ID, nil, &order); err != nil || order.State != "NEW" {
			return order.State, err
		}
		time.Sleep(250 * time.Millisecond)
	}
	return order.State, nil
}

// call makes a call, a few times if it fails: every call bears its key.
func call(method, url string, body, into any) error {
	sent, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for try := 0; ; try++ {
		if err = once(method, url, sent, into); err == nil || try == 3 {
			return err
		}
		time.Sleep(300 * time.Millisecond)
	}
}

func once(method, url string, body []byte, into any) error {
	request, err := http.NewRequest(method, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s", method, url, answer.Status)
	}
	if into == nil {
		return nil
	}
	return json.NewDecoder(answer.Body).Decode(into)
}
