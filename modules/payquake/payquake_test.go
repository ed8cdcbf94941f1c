package payquake_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"

	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/modules/payquake"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/providers"
)

// image is what the tests start; TestMain makes it of this module's own command.
const image = "payquake:module-test"

// noEngine says why no container can be started; nil if one can.
var noEngine error

func TestMain(m *testing.M) {
	_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true") // the reaper's image is at a registry
	_ = os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	if noEngine = environment.EngineAnswers(context.Background()); noEngine == nil {
		noEngine = buildImage()
	}
	os.Exit(m.Run())
}

// buildImage builds the command and has it make its image.
func buildImage() error {
	folder, err := os.MkdirTemp("", "payquake-module-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	program := filepath.Join(folder, "payquake")
	build := exec.Command("go", "build", "-o", program, "../../cmd/payquake")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	if said, err := exec.Command(program, "image", "--tag", image).CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, said)
	}
	return nil
}

// engine skips a test without an engine, and fails it where there has to be one.
func engine(t *testing.T) {
	t.Helper()
	if noEngine != nil && os.Getenv("PAYQUAKE_REQUIRE_TOOLS") == "1" {
		t.Fatal(noEngine)
	}
	if noEngine != nil {
		t.Skip(noEngine)
	}
}

// shop is a merchant that knows nothing of payquake: the example in Go, on loopback.
type shop struct {
	t    *testing.T
	base string
}

// openShop starts the shop with its credentials, and its calls led to the container.
func openShop(t *testing.T, address string, container *payquake.Container) *shop {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "shop"), "../../examples/go")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, "%s", said)
	given, err := container.Credentials("wechatpay")
	require.NoError(t, err)
	proxy, err := container.ProxyURL(t.Context())
	require.NoError(t, err)
	file := func(name, text string) string {
		path := filepath.Join(folder, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	host, port, err := net.SplitHostPort(address)
	require.NoError(t, err)
	command := exec.Command(filepath.Join(folder, "shop"))
	command.Env = append(os.Environ(), "HOST="+host, "PORT="+port, "DATA="+folder, "PUBLIC_URL=https://shop.example", "HTTPS_PROXY="+proxy,
		"SSL_CERT_FILE="+file("authority.pem", container.Authority()), "WECHAT_MCHID="+given["mchid"], "WECHAT_APPID="+given["appid"],
		"WECHAT_SERIAL="+given["serial"], "WECHAT_KEY_FILE="+file("key.pem", given["privateKey"]), "WECHAT_APIV3_KEY="+given["apiV3Key"],
		"WECHAT_PUBLIC_KEY_ID="+given["publicKeyID"], "WECHAT_PUBLIC_KEY_FILE="+file("wechat.pem", given["publicKey"]))
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	})
	s := &shop{t: t, base: "http://" + address}
	require.Eventually(t, func() bool {
		answer, err := http.Get(s.base + "/healthz")
		return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
	}, 10*time.Second, 20*time.Millisecond)
	return s
}

// call makes a call, and again while the shop does not know.
func (s *shop) call(method, path string, body any) (said struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	CodeURL string `json:"code_url"`
}) {
	s.t.Helper()
	text, err := json.Marshal(body)
	require.NoError(s.t, err)
	require.Eventually(s.t, func() bool {
		request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, bytes.NewReader(text))
		require.NoError(s.t, err)
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		return answer.StatusCode/100 == 2 && json.NewDecoder(answer.Body).Decode(&said) == nil
	}, 10*time.Second, 200*time.Millisecond)
	return said
}

// buys places an order and starts its payment, until there is a code.
func (s *shop) buys(key string, fen int) (order, code string) {
	s.t.Helper()
	order = s.call(http.MethodPost, "/orders", map[string]any{"key": key, "total": fen,
		"lines": []map[string]any{{"name": "tea", "quantity": 1, "price": fen}}}).ID
	require.Eventually(s.t, func() bool {
		code = s.call(http.MethodPost, "/orders/"+order+"/payments", map[string]string{"key": "start"}).CodeURL
		return code != ""
	}, 10*time.Second, 100*time.Millisecond)
	return order, code
}

func (s *shop) becomes(order, state string) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.call(http.MethodGet, "/orders/"+order, nil).State == state }, 10*time.Second, 50*time.Millisecond)
}

// freeAddress is one on loopback at which nobody listens.
func freeAddress(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// TestContainer_AShopThatKnowsNothingOfIt: the shop's own code pays at the real host
// name, is notified on loopback, and bears the fault that is injected into one
// payment, and only that one.
func TestContainer_AShopThatKnowsNothingOfIt(t *testing.T) {
	engine(t)
	address := freeAddress(t)
	container, err := payquake.Run(t.Context(), image, payquake.WithProvider("wechatpay", "public-key"), payquake.WithMerchant("http://"+address))
	testcontainers.CleanupContainer(t, container)
	require.NoError(t, err)
	shop := openShop(t, address, container)

	order, code := shop.buys("first", 1234)
	receipt, err := container.Pay(t.Context(), "wechatpay", code)
	require.NoError(t, err)
	require.Equal(t, payment.Fen(1234), receipt.Amount)
	shop.becomes(order, "PAID")

	require.NoError(t, container.Inject(t.Context(), "wechatpay",
		payquake.Fault{Name: "lost-answer", At: "merchant->wechatpay create#1 answer"}, payquake.Fault{Name: "decline"}))
	order, code = shop.buys("second", 777)
	_, err = container.Pay(t.Context(), "wechatpay", code)
	require.ErrorIs(t, err, providers.ErrDeclined)
	_, err = container.Pay(t.Context(), "wechatpay", code)
	require.NoError(t, err)
	shop.becomes(order, "PAID")

	fired, err := container.Fired(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{"lost-answer", "decline"}, fired)

	_, code = shop.buys("third", 1)
	_, err = container.Pay(t.Context(), "wechatpay", code)
	require.NoError(t, err, "faults are for one payment")
	moved, err := container.Movements(t.Context(), "wechatpay")
	require.NoError(t, err)
	require.Len(t, moved, 3)
	require.Equal(t, payment.Fen(777), moved[1].Amount)
}

// TestRun_RefusesWhatMakesNoSense before anything is started.
func TestRun_RefusesWhatMakesNoSense(t *testing.T) {
	for want, option := range map[string]payquake.Option{
		`unknown provider "wechat"`:  payquake.WithProvider("wechat", ""),
		"like http://127.0.0.1:8080": payquake.WithMerchant("127.0.0.1:8080"),
	} {
		container, err := payquake.Run(t.Context(), image, option)
		require.ErrorContains(t, err, want)
		require.Nil(t, container)
	}
}

// TestContainer_RefusesBadFaults: each says what is wrong with it.
func TestContainer_RefusesBadFaults(t *testing.T) {
	container := &payquake.Container{}
	for want, fault := range map[string]payquake.Fault{
		"no fault of a message":    {Name: "no-such-fault"},
		"no fault of a message or": {Name: "merchant-crash", At: "merchant->wechatpay create#1 answer"},
		"say which with At":        {Name: "lost-answer"},
		"settings of latency":      {Name: "latency", At: "merchant->wechatpay create#1 answer", Settings: map[string]any{"dealy": "1s"}},
	} {
		err := container.Inject(t.Context(), "wechatpay", fault)
		require.ErrorIs(t, err, payquake.ErrBadFault)
		require.ErrorContains(t, err, want)
	}
}

// A Go test starts the providers, tells its merchant's client where they are, and pays
// what the merchant shows.
func ExampleRun() {
	ctx := context.Background()
	container, err := payquake.Run(ctx, "payquake:latest", payquake.WithProvider("alipay", "key"), payquake.WithMerchant("http://127.0.0.1:8080"))
	defer func() {
		if err := testcontainers.TerminateContainer(container); err != nil {
			log.Print(err)
		}
	}()
	if err != nil {
		log.Print(err)
		return
	}
	endpoint, err := container.ProviderURL(ctx, "alipay")
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println(endpoint) // for the merchant's client; its keys are container.Credentials("alipay")
	// Have the merchant show a code, then: container.Pay(ctx, "alipay", code)
}
