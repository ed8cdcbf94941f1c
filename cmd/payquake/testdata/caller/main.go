// The caller is a merchant that sells nothing: it calls its services, and hosts by
// the names that stand in its source, says what came of it, and then answers that
// it is ready. With ROLE=service it is one of its services.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

func main() {
	http.HandleFunc("/up", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/points", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "17 points") })
	if os.Getenv("ROLE") != "service" {
		call()
	}
	fmt.Println(http.ListenAndServe(net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")), nil))
}

// call calls everybody.
func call() {
	for _, name := range []string{"LOYALTY", "CACHE"} {
		answer, err := http.Get(os.Getenv(name) + "/points")
		if err != nil {
			fmt.Println(name, "failed:", err)
			continue
		}
		answer.Body.Close()
		fmt.Println(name, answer.Status)
	}
	client := &http.Client{Timeout: 5 * time.Second}
	for _, url := range []string{"https://api.mch.weixin.qq.com/v3/certificates", "https://openapi.alipay.com/gateway.do",
		"https://gateway.95516.com/gateway/api/queryTrans.do", "https://elsewhere.example/"} {
		answer, err := client.Get(url)
		if err != nil {
			fmt.Println(url, "failed:", err)
			continue
		}
		answer.Body.Close()
		fmt.Println(url, answer.Status)
	}
	deaf := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}} // that knows no proxy
	for _, url := range []string{"https://api.mch.weixin.qq.com/v3/certificates", "https://elsewhere.example/"} {
		answer, err := deaf.Get(url)
		if err != nil {
			fmt.Println("directly", url, "failed:", err)
			continue
		}
		answer.Body.Close()
		fmt.Println("directly", url, answer.Status)
	}
	for _, address := range []string{"1.1.1.1:443", "8.8.8.8:53"} {
		conn, err := net.DialTimeout("tcp", address, 2*time.Second)
		if err == nil {
			conn.Close()
			fmt.Println("dialled", address)
			continue
		}
		fmt.Println("no way to", address)
	}
}
