package manifest_test

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/require"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// update rewrites golden files: go test ./harness/manifest -update
var update = flag.Bool("update", false, "rewrite golden files")

// TestLoad_TellsAllThatIsWrong reads every broken file of testdata/errors and
// compares what a person is told with the file beside it.
func TestLoad_TellsAllThatIsWrong(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 11)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := manifest.Load(file, scenarios.DefaultSystems())
			require.Error(t, err)
			golden(t, strings.TrimSuffix(file, ".yaml")+".golden", err.Error()+"\n")
		})
	}
}

func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs; if it should, run with -update\n%s", file, diff)
	}
}

func load(t *testing.T, file string) manifest.Manifest {
	t.Helper()
	m, err := manifest.Load(file, scenarios.DefaultSystems())
	require.NoError(t, err)
	return m
}

// TestLoad reads a manifest that uses every part of the format.
func TestLoad(t *testing.T) {
	m := load(t, "testdata/good.yaml")
	require.Equal(t, "tea-stall", m.Name)
	require.Equal(t, []string{"python3", "shop.py", "--fast"}, m.Merchant.Command)
	require.Equal(t, filepath.Join("testdata", "shop"), m.Merchant.Directory)
	require.Equal(t, 5*time.Second, m.Merchant.LongestTimer)
	require.Equal(t, []manifest.Provider{{Name: "alipay", Mode: "certificate", Methods: []payment.Method{payment.MethodCode}},
		{Name: "wechatpay", Methods: []payment.Method{payment.MethodCode, payment.MethodBarcode}}}, m.Providers)
	require.Equal(t, []scenarios.Good{{ID: "oolong", Price: payment.Fen(1280), Stock: 400}, {ID: "sencha", Price: payment.Fen(990)}}, m.Goods)
	require.Equal(t, payment.OrderPaid, m.Driver.Words.Order["DONE"])
	require.Equal(t, payment.RefundDone, m.Driver.Words.Refund["done"], "words that are not listed mean themselves")

	values := map[string]string{}
	vars := manifest.Vars{"port": "4711", "host": "127.0.0.1", "file": func(text string) string { return "/keys/" + text },
		"alipay":  manifest.Vars{"privateKey": "key", "appID": "2014"},
		"loyalty": manifest.ServiceFacts("gateway", "7107"), "cache": manifest.ServiceFacts("gateway", "7108")}
	for _, setting := range m.Merchant.Environment {
		value, err := setting.Value.Text(vars)
		require.NoError(t, err)
		values[setting.Name] = value
	}
	require.Equal(t, map[string]string{"PORT": "4711", "LISTEN": "127.0.0.1:4711", "KEY_FILE": "/keys/key", "APP_ID": "2014", "GREETING": "costs ${1}",
		"LOYALTY": "http://gateway:7107", "CACHE": "gateway:7108"}, values)

	body, err := m.Driver.Start.JSON.Value(manifest.Vars{"key": "k", "provider": "alipay", "method": "code", "order": "1", "session": manifest.Vars{}})
	require.NoError(t, err)
	require.Equal(t, manifest.Vars{"key": "k", "with": "alipay", "by": "code", "urgent": true, "tries": int64(3), "note": nil}, body)
}

// TestTemplate_Path: whatever an order's number holds, it is one part of the path,
// or one value of the query.
func TestTemplate_Path(t *testing.T) {
	m := load(t, "testdata/good.yaml")
	path, err := m.Driver.Refund.Path.Path(manifest.Vars{"order": "a/b c?d", "key": "r&1", "session": manifest.Vars{}})
	require.NoError(t, err)
	require.Equal(t, "/orders/a%2Fb%20c%3Fd/refunds/r&1", path)
	m, err = manifest.Parse("testdata/q.yaml", []byte(strings.Replace(query, "ORDER", "/order?id=${order}&by=${shopper}", 1)), scenarios.DefaultSystems())
	require.NoError(t, err)
	path, err = m.Driver.Read.Path.Path(manifest.Vars{"order": "1&x=2", "shopper": "li +"})
	require.NoError(t, err)
	require.Equal(t, "/order?id=1%26x%3D2&by=li+%2B", path)
}

const query = `
name: q
merchant: {command: [a], longestTimer: 1s}
providers: [alipay]
driver:
  place: {post: /orders, take: {order: body.id}}
  start: {post: /pay, take: {code: body.code}}
  read: {get: "ORDER", take: {state: body.state}}
  states: {order: {NEW: open, PAID: paid, CLOSED: closed}}
`

// TestExpressions_Money: yuan and fen lose no digit, whatever an answer holds.
func TestExpressions_Money(t *testing.T) {
	m := load(t, "testdata/good.yaml")
	captured := m.Driver.Books.Payments.Values["captured"]
	for given, want := range map[any]any{"12.34": int64(1234), "0.29": int64(29), "1128.6": int64(112860), 12: int64(1200), nil: int64(0), "-0.01": int64(-1)} {
		got, err := captured.Value(manifest.Vars{"item": map[string]any{"amount": given}, "status": 200, "headers": map[string]string{}, "text": "", "body": nil})
		require.NoError(t, err, given)
		require.Equal(t, want, got, given)
	}
	_, err := captured.Value(manifest.Vars{"item": map[string]any{"amount": "1.2.3"}})
	require.ErrorContains(t, err, `fen("1.2.3")`)
}

// TestSystems: what a merchant does not offer does not exist for its scenarios.
func TestSystems(t *testing.T) {
	m := load(t, "testdata/good.yaml")
	systems := m.Systems(scenarios.DefaultSystems())
	require.True(t, systems.Stranger)
	var links []faults.Link
	for _, link := range systems.Links {
		links = append(links, link.Name)
	}
	require.Equal(t, []faults.Link{"shopper->merchant", "merchant->wechatpay", "wechatpay->merchant", "merchant->alipay", "alipay->merchant", "merchant->loyalty"}, links)
	hurt := "name: hurt\nload: {trials: 3}\nfaults:\n  - {fault: lost-answer, at: merchant->loyalty other#1 answer}\n"
	scenario, err := scenarios.Parse("hurt.yaml", []byte(hurt), m.With(scenarios.DefaultSystems()))
	require.NoError(t, err)
	hurting, err := scenarios.Compile(scenario, systems, 1)
	require.NoError(t, err)
	require.Len(t, hurting.Batches[0].Trials[0].Pins, 1)
	require.False(t, hurting.Batches[0].Trials[0].Pins[0].Required, "nobody can foretell what it calls")
	_, err = scenarios.Parse("hurt.yaml", []byte(strings.Replace(hurt, "loyalty", "database", 1)), m.With(scenarios.DefaultSystems()))
	require.ErrorContains(t, err, "merchant->database")
	m.Driver.Refund = nil
	suite, err := scenarios.Load("suite", scenarios.DefaultSystems())
	require.NoError(t, err)
	fitting, left, err := suite.Within(m.Systems(scenarios.DefaultSystems()))
	require.NoError(t, err)
	require.Equal(t, []string{"refund-storm needs more than this merchant offers"}, left)
	plan, err := scenarios.Compile(fitting, m.Systems(scenarios.DefaultSystems()), 1)
	require.NoError(t, err)
	for _, batch := range plan.Batches {
		for _, trial := range batch.Trials {
			for _, step := range trial.Journey.Steps {
				require.NotEqual(t, faults.StepRefund, step.Do)
			}
			require.Contains(t, []string{"oolong", "sencha"}, trial.Lines[0].Product)
			require.Equal(t, trial.Lines[0].Price.Minor*trial.Lines[0].Quantity, trial.Total.Minor)
			for _, pin := range trial.Pins {
				if pin.At != nil {
					require.NotContains(t, string(pin.At.Link), "fulfilment")
				}
			}
		}
	}
}

// FuzzParse: whatever a file holds, it is read or refused, and soon.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/errors/*.yaml")
	require.NoError(f, err)
	for _, file := range append(files, "testdata/good.yaml") {
		text, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := manifest.Parse("testdata/fuzz.yaml", text, scenarios.DefaultSystems())
		if err == nil {
			require.NotEmpty(t, m.Driver.Place.Method+m.Name)
		}
	})
}
