package proxy

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadRequest_RefusesWhatTwoParsersSeeDifferently: request smuggling lives
// on such messages (RFC 9112 section 11.2).
func TestReadRequest_RefusesWhatTwoParsersSeeDifferently(t *testing.T) {
	for name, wire := range map[string]string{
		"length and chunked":        "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"two lengths":               "POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"signed length":             "POST / HTTP/1.1\r\nContent-Length: +3\r\n\r\nabc",
		"negative length":           "POST / HTTP/1.1\r\nContent-Length: -3\r\n\r\nabc",
		"folded header":             "POST / HTTP/1.1\r\nA: b\r\n c\r\n\r\n",
		"space before the colon":    "POST / HTTP/1.1\r\nA : b\r\n\r\n",
		"unknown coding":            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"chunk size with a sign":    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n+1\r\na\r\n0\r\n\r\n",
		"chunk without its end":     "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\naXX0\r\n\r\n",
		"no version":                "POST /\r\n\r\n",
		"another protocol":          "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"control character":         "POST / HTTP/1.1\r\nA: b\x00c\r\n\r\n",
		"a method that is no token": "PO ST / HTTP/1.1\r\n\r\n",
	} {
		_, err := ReadRequest(bufio.NewReader(strings.NewReader(wire)))
		require.ErrorIs(t, err, ErrMalformed, name)
	}
}

// TestReadRequest_Shapes are the shapes that real clients send.
func TestReadRequest_Shapes(t *testing.T) {
	for name, c := range map[string]struct{ wire, body, rest string }{
		"no body":               {"GET /a?b=%7C HTTP/1.1\r\nHost: h\r\n\r\n", "", ""},
		"length":                {"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET", "abc", "GET"},
		"equal lengths":         {"POST / HTTP/1.1\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "abc", ""},
		"chunks":                {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\nnext", "abc", "next"},
		"bare line feeds":       {"POST / HTTP/1.1\nContent-Length: 1\n\na", "a", ""},
		"empty lines before it": {"\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 1\r\n\r\na", "a", ""},
	} {
		reader := bufio.NewReader(strings.NewReader(c.wire))
		request, err := ReadRequest(reader)
		require.NoError(t, err, name)
		require.Equal(t, c.body, string(request.Body), name)
		rest, err := io.ReadAll(reader)
		require.NoError(t, err)
		require.Equal(t, c.rest, string(rest), name)
	}
}

// TestReadAnswer_Shapes: interim answers, bodiless ones, and one that ends
// with its connection.
func TestReadAnswer_Shapes(t *testing.T) {
	for name, c := range map[string]struct {
		wire, method, body string
		status             int
	}{
		"interim first": {"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "GET", "a", 200},
		"no content":    {"HTTP/1.1 204 No Content\r\n\r\n", "POST", "", 204},
		"head":          {"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "HEAD", "", 200},
		"until close":   {"HTTP/1.1 200 OK\r\n\r\nall of it", "GET", "all of it", 200},
		"no reason":     {"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", "GET", "", 200},
	} {
		answer, err := ReadAnswer(bufio.NewReader(strings.NewReader(c.wire)), c.method)
		require.NoError(t, err, name)
		require.Equal(t, c.status, answer.Status, name)
		require.Equal(t, c.body, string(answer.Body), name)
	}
}

// FuzzReadRequest: whatever the proxy accepts, net/http reads the same way,
// both as it came and as the proxy writes it on.
func FuzzReadRequest(f *testing.F) {
	for _, seed := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST /x?y HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
		"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		request, err := ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
		if err != nil {
			return
		}
		written := request.Bytes()
		again, err := ReadRequest(bufio.NewReader(bytes.NewReader(written)))
		require.NoError(t, err, "%q", written)
		require.Equal(t, request.Body, again.Body)
		require.Equal(t, request.Target, again.Target)
		theirs, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(written)))
		if err != nil {
			return // net/http is stricter about targets and hosts than a proxy may be
		}
		body, err := io.ReadAll(theirs.Body)
		require.NoError(t, err, "%q", written)
		require.Equal(t, string(request.Body), string(body), "%q", written)
	})
}

// FuzzReadAnswer does the same for answers.
func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"))
	f.Fuzz(func(t *testing.T, wire []byte) {
		answer, err := ReadAnswer(bufio.NewReader(bytes.NewReader(wire)), "POST")
		if err != nil || answer.Status == http.StatusSwitchingProtocols {
			return
		}
		written := answer.Bytes("POST")
		theirs, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(written)), &http.Request{Method: "POST"})
		if err != nil {
			return
		}
		body, err := io.ReadAll(theirs.Body)
		require.NoError(t, err, "%q", written)
		if answer.Status != 204 && answer.Status != 304 {
			require.Equal(t, string(answer.Body), string(body), "%q", written)
		}
		require.Equal(t, answer.Status, theirs.StatusCode)
	})
}

// TestLink_ExpectContinue: a caller that waits for leave gets it, and the
// callee gets the whole request.
func TestLink_ExpectContinue(t *testing.T) {
	r := newRig(t)
	conn := r.raw()
	_, err := io.WriteString(conn, "POST /pay HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n")
	require.NoError(t, err)
	reader := bufio.NewReader(conn)
	line, err := reader.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, line, "100 Continue")
	_, err = reader.ReadString('\n')
	require.NoError(t, err)
	_, err = io.WriteString(conn, "late")
	require.NoError(t, err)
	answer, err := ReadAnswer(reader, "POST")
	require.NoError(t, err)
	require.Equal(t, "answer to late", string(answer.Body))
}

// TestLink_MalformedIsRefused in words, and nothing reaches the callee.
func TestLink_MalformedIsRefused(t *testing.T) {
	r := newRig(t)
	conn := r.raw()
	_, err := io.WriteString(conn, "POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n")
	require.NoError(t, err)
	answer, err := ReadAnswer(bufio.NewReader(conn), "POST")
	require.NoError(t, err)
	require.Equal(t, 400, answer.Status)
	require.Empty(t, r.seen())
}

// TestLink_PrivateHeadersEndHere: no merchant sees what payquake says to itself.
func TestLink_PrivateHeadersEndHere(t *testing.T) {
	r := newRig(t)
	r.link.TellCallee = false
	conn := r.raw()
	_, err := io.WriteString(conn, "POST /pay HTTP/1.1\r\nHost: h\r\nPayquake-Trial: t1\r\nPayquake-Operation: place\r\nContent-Length: 0\r\n\r\n")
	require.NoError(t, err)
	_, err = ReadAnswer(bufio.NewReader(conn), "POST")
	require.NoError(t, err)
	for name := range r.seen()[0].header {
		require.NotContains(t, strings.ToLower(name), "payquake")
	}
}
