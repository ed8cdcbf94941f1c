package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// callerManifest describes the caller, however it is had.
const callerManifest = `
name: caller
merchant:
  %[1]s
  ready: /up
  longestTimer: 300ms
  environment: {HOST: "${host}", PORT: "${port}", LOYALTY: "${loyalty.url}", CACHE: "http://${cache.address}"}
services:
  loyalty: {%[1]s, ready: /up, environment: {ROLE: service, HOST: "${host}", PORT: "${port}"}}
  cache: {%[1]s, protocol: tcp, environment: {ROLE: service, HOST: "${host}", PORT: "${port}"}}
providers: [wechatpay, alipay, unionpay]
driver:
  place: {post: /orders, take: {order: body.id}}
  start: {post: "/orders/${order}", take: {code: body.code}}
  read: {get: "/orders/${order}", take: {state: body.state}}
  states: {order: {NEW: open, PAID: paid, CLOSED: closed}}
`

// systemTrust are the files that runtimes trust by themselves.
func systemTrust(t *testing.T) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, path := range []string{"/etc/ssl/certs/ca-certificates.crt", "/etc/hosts", "/etc/resolv.conf"} {
		if text, err := os.ReadFile(path); err == nil {
			seen[path] = string(text)
		}
	}
	return seen
}

// TestStranger_ReachesTheRealNames: a program reaches its own services over links
// that payquake stands on, and by the hosts in its source the mock providers, as a
// process and in a container; every other host is refused and named in the report;
// from the run's network nothing else can be dialled; and nothing of the machine
// is changed.
func TestStranger_ReachesTheRealNames(t *testing.T) {
	for environment, starts := range map[string]string{"local": "command: [./caller]", "docker": "build: {context: .}"} {
		t.Run(environment, func(t *testing.T) {
			if environment == "docker" {
				engine(t)
			}
			before := systemTrust(t)
			folder := callerFolder(t)
			require.NoError(t, os.WriteFile(filepath.Join(folder, "payquake.yaml"), []byte(fmt.Sprintf(callerManifest, starts)), 0o644))
			result := payquakeIn(t, folder, "run", "./one.yaml", "--environment", environment)
			require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
			require.Equal(t, []string{"elsewhere.example"}, result.verdict.RefusedHosts)
			report, err := os.ReadFile(filepath.Join(result.folder, "report.html"))
			require.NoError(t, err)
			require.Contains(t, string(report), "elsewhere.example")
			log, err := os.ReadFile(filepath.Join(result.folder, "logs", "merchant.log"))
			require.NoError(t, err)
			require.Contains(t, string(log), "LOYALTY 200 OK")
			require.Contains(t, string(log), "CACHE 200 OK")
			journal, err := os.ReadFile(filepath.Join(result.folder, "journal.jsonl"))
			require.NoError(t, err)
			require.Regexp(t, `merchant-(>|\\u003e)loyalty`, string(journal))
			require.NotRegexp(t, `merchant-(>|\\u003e)cache`, string(journal), "it is bytes")
			require.Regexp(t, `https://api\.mch\.weixin\.qq\.com\S* 401`, string(log))
			require.Regexp(t, `https://openapi\.alipay\.com\S* 200`, string(log))
			require.Regexp(t, `https://gateway\.95516\.com\S* [0-9]{3}`, string(log))
			require.Regexp(t, `https://elsewhere\.example/ failed: .*Forbidden`, string(log))
			if !strings.Contains(result.err, "by proxy variables alone") { // namespaces are allowed here
				require.Regexp(t, `directly https://api\.mch\.weixin\.qq\.com\S* 401`, string(log))
				require.Contains(t, string(log), "directly https://elsewhere.example/ failed")
			}
			if environment == "docker" {
				require.Contains(t, string(log), "no way to 1.1.1.1:443")
				require.Contains(t, string(log), "no way to 8.8.8.8:53")
			}
			require.Equal(t, before, systemTrust(t))
		})
	}
}

// TestStranger_RunsAlready: a merchant that payquake did not start was started with
// the variables that payquake keys printed. It is put through the same scenario
// twice; the second run is not confused by the orders of the first.
func TestStranger_RunsAlready(t *testing.T) {
	folder := t.TempDir()
	shop := filepath.Join(folder, "shop")
	build := exec.Command("go", "build", "-o", shop, "../../examples/go")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))

	made := payquakeIn(t, folder, "keys", "--provider", "wechatpay", "--json")
	require.Equal(t, 0, made.code, made.err)
	var given map[string]string
	require.NoError(t, json.Unmarshal([]byte(made.out), &given))
	port := freePort(t)
	running := exec.Command(shop)
	running.Env = append(os.Environ(), "PORT="+port, "DATA="+folder, "PUBLIC_URL=https://shop.example",
		"WECHAT_MCHID="+given["WECHATPAY_MCHID"], "WECHAT_APPID="+given["WECHATPAY_APPID"], "WECHAT_SERIAL="+given["WECHATPAY_SERIAL"],
		"WECHAT_KEY_FILE="+given["WECHATPAY_PRIVATE_KEY_FILE"], "WECHAT_APIV3_KEY="+given["WECHATPAY_API_V3_KEY"],
		"WECHAT_PUBLIC_KEY_ID="+given["WECHATPAY_PUBLIC_KEY_ID"], "WECHAT_PUBLIC_KEY_FILE="+given["WECHATPAY_PUBLIC_KEY_FILE"])
	for name, value := range given {
		running.Env = append(running.Env, name+"="+value)
	}
	require.NoError(t, running.Start())
	t.Cleanup(func() {
		_ = running.Process.Kill()
		_ = running.Wait()
	})

	described, err := os.ReadFile("../../examples/go/payquake.yaml")
	require.NoError(t, err)
	_, rest, found := strings.Cut(string(described), "\nproviders:")
	require.True(t, found)
	text := "name: runs-already\nmerchant:\n  url: http://127.0.0.1:" + port + "\n  keys: payquake-keys\n  ready: /healthz\n  longestTimer: 4s\nproviders:" + rest
	require.NoError(t, os.WriteFile(filepath.Join(folder, "payquake.yaml"), []byte(text), 0o644))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "few.yaml"), []byte("name: few\nload: {trials: 6}\nshoppers: [pay, pay-then-refund]\nexpect: [{captures: 6}]\n"), 0o644))
	for range 2 {
		result := conclusive(t, folder, "run", "./few.yaml")
		require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
		require.Equal(t, "local", result.verdict.Environment)
		require.GreaterOrEqual(t, result.verdict.Counts.Captures, 6)
	}
	require.NoError(t, os.Remove(filepath.Join(folder, "payquake-keys", "payquake-keys.json")))
	without := payquakeIn(t, folder, "run", "./few.yaml")
	require.Equal(t, 5, without.code)
	require.Contains(t, without.err, "payquake.yaml: merchant.keys: there are no keys")
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, errors.Join(err, listener.Close()))
	return port
}

// composeFile has the caller with the services that it depends on, which it calls
// by the names they have there.
const composeFile = `
services:
  shop:
    build: .
    environment: {HOST: 0.0.0.0, PORT: "8000", LOYALTY: "http://loyalty:9001", CACHE: "http://cache:9002"}
    ports: ["8000:8000"]
    depends_on: [loyalty, cache]
  loyalty: {build: ., environment: {ROLE: service, HOST: 0.0.0.0, PORT: "9001"}, expose: ["9001"]}
  cache: {build: ., environment: {ROLE: service, HOST: 0.0.0.0, PORT: "${CACHE_PORT:-9002}"}, expose: ["9002"]}
  unrelated: {image: nobody/none}
`

// TestStranger_OfAComposeFile: a merchant and what it depends on are started as
// their compose file says, and reach each other by its names, through the gateway.
func TestStranger_OfAComposeFile(t *testing.T) {
	engine(t)
	folder := callerFolder(t)
	text := fmt.Sprintf(callerManifest, "compose: {file: compose.yml, service: shop}")
	text = regexp.MustCompile("(?s)  environment: .*?providers:").ReplaceAllString(text, "providers:")
	for name, text := range map[string]string{"payquake.yaml": text, "compose.yml": composeFile} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	result := payquakeIn(t, folder, "run", "./one.yaml")
	require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
	log, err := os.ReadFile(filepath.Join(result.folder, "logs", "merchant.log"))
	require.NoError(t, err)
	require.Contains(t, string(log), "LOYALTY 200 OK")
	require.Contains(t, string(log), "CACHE 200 OK")
	require.Regexp(t, `https://api\.mch\.weixin\.qq\.com\S* 401`, string(log))
	require.NoFileExists(t, filepath.Join(result.folder, "logs", "unrelated.log"))
}

// callerFolder holds the caller, an image of it, and a scenario that hardly asks
// anything of it.
func callerFolder(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(folder, "caller"), "./testdata/caller")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	said, err := build.CombinedOutput()
	require.NoError(t, err, string(said))
	for name, text := range map[string]string{
		"Dockerfile": "FROM scratch\nCOPY caller /caller\nENTRYPOINT [\"/caller\"]\n",
		"one.yaml":   "name: one\nload: {trials: 1}\nshoppers: [abandon]\n",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
	}
	return folder
}

// TestDoctor: what is in the way of a merchant is told with a remedy, and its
// runtime is tried.
func TestDoctor(t *testing.T) {
	folder := t.TempDir()
	write := func(command string) {
		text := regexp.MustCompile("(?s)  environment: .*?providers:").ReplaceAllString(fmt.Sprintf(callerManifest, "command: "+command), "providers:")
		require.NoError(t, os.WriteFile(filepath.Join(folder, "payquake.yaml"), []byte(text), 0o644))
	}
	write("[no-such-program]")
	missing := payquakeIn(t, folder, "doctor")
	require.Equal(t, 4, missing.code)
	require.Contains(t, missing.out, "the program no-such-program is not found")
	require.Contains(t, missing.out, "install it, or correct merchant.command")
	if _, err := exec.LookPath("python3"); err == nil {
		write("[python3, shop.py]")
		said := payquakeIn(t, folder, "doctor", "--json")
		require.Contains(t, said.out, "Python reaches https://api.mch.weixin.qq.com through payquake and trusts it", said.err)
		require.NotContains(t, said.out, "Node.js", "only the merchant's own runtime is tried")
	}
	require.NoError(t, os.WriteFile(filepath.Join(folder, "payquake.yaml"), []byte("name: [\n"), 0o644))
	wrong := payquakeIn(t, folder, "doctor")
	require.Equal(t, 4, wrong.code)
	require.Contains(t, wrong.out, "payquake validate shows every problem")
}
