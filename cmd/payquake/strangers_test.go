package main_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// callerManifest describes the caller, however it is had.
const callerManifest = `
name: caller
merchant:
  %s
  ready: /up
  longestTimer: 300ms
  environment: {HOST: "${host}", PORT: "${port}"}
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

// TestStranger_ReachesTheRealNames: a program with the providers' hosts in its
// source reaches the mock ones, as a process and in a container; every other host
// is refused and named in the report; from the run's network nothing else can be
// dialled; and nothing of the machine is changed.
func TestStranger_ReachesTheRealNames(t *testing.T) {
	for environment, starts := range map[string]string{"local": "command: [./caller]", "docker": "build: {context: .}"} {
		t.Run(environment, func(t *testing.T) {
			if environment == "docker" {
				engine(t)
			}
			before := systemTrust(t)
			folder := t.TempDir()
			build := exec.Command("go", "build", "-o", filepath.Join(folder, "caller"), "./testdata/caller")
			build.Env = append(os.Environ(), "CGO_ENABLED=0")
			said, err := build.CombinedOutput()
			require.NoError(t, err, string(said))
			for name, text := range map[string]string{
				"payquake.yaml": fmt.Sprintf(callerManifest, starts),
				"Dockerfile":    "FROM scratch\nCOPY caller /caller\nENTRYPOINT [\"/caller\"]\n",
				"one.yaml":      "name: one\nload: {trials: 1}\nshoppers: [abandon]\n",
			} {
				require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o644))
			}
			result := payquakeIn(t, folder, "run", "./one.yaml", "--environment", environment)
			require.Equal(t, 0, result.code, "%s\n%s", result.out, result.err)
			require.Equal(t, []string{"elsewhere.example"}, result.verdict.RefusedHosts)
			report, err := os.ReadFile(filepath.Join(result.folder, "report.html"))
			require.NoError(t, err)
			require.Contains(t, string(report), "elsewhere.example")
			log, err := os.ReadFile(filepath.Join(result.folder, "logs", "merchant.log"))
			require.NoError(t, err)
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
