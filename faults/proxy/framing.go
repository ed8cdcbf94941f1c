package proxy

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// Limits of a message. What is larger is refused with ErrTooLarge, so that a
// hostile peer cannot take the proxy down with it.
const (
	maxHead = 256 << 10
	maxBody = 32 << 20
)

// Errors of framing. ErrMalformed covers everything that two HTTP parsers might
// read differently (RFC 9112 section 11: request smuggling): the proxy refuses
// it rather than guess.
var (
	ErrMalformed = errors.New("malformed HTTP message")
	ErrTooLarge  = errors.New("HTTP message too large")
)

// ReadRequest reads one request with its whole body from the connection. It
// returns io.EOF when the connection ended before a request began.
func ReadRequest(from *bufio.Reader) (*Request, error) {
	start, header, err := readHead(from)
	if err != nil {
		return nil, err
	}
	method, rest, _ := strings.Cut(start, " ")
	target, version, _ := strings.Cut(rest, " ")
	if !validToken(method) || target == "" || strings.ContainsAny(target, " \t") || !strings.HasPrefix(version, "HTTP/1.") {
		return nil, fmt.Errorf("request line %.80q: %w", start, ErrMalformed)
	}
	request := &Request{Method: method, Target: target, Scheme: "http", Header: header}
	length, err := bodyLength(header)
	if err != nil {
		return nil, err
	}
	if length == untilClose { // a request without a length has no body
		length = 0
	}
	request.Body, err = readBody(from, length)
	return request, err
}

// readRequest reads a request as ReadRequest does, but first gives its sender
// leave to send the body if the head asks for that (Expect: 100-continue).
func readRequest(from *bufio.Reader, leave func() error) (*Request, error) {
	peeked, err := peekHead(from)
	if err != nil {
		return nil, err
	}
	if bytes.Contains(bytes.ToLower(peeked), []byte("100-continue")) {
		if err := leave(); err != nil {
			return nil, fmt.Errorf("send 100 Continue: %w", err)
		}
	}
	request, err := ReadRequest(from)
	if err != nil {
		return nil, err
	}
	request.Header.Remove("Expect")
	return request, nil
}

// ReadAnswer reads one final answer to a request of this method, passing over
// interim ones (1xx) except 101, whose connection is no longer HTTP.
func ReadAnswer(from *bufio.Reader, method string) (*Answer, error) {
	for {
		answer, err := readOneAnswer(from, method)
		if err != nil || answer.Status >= 200 || answer.Status == http.StatusSwitchingProtocols {
			return answer, err
		}
	}
}

func readOneAnswer(from *bufio.Reader, method string) (*Answer, error) {
	start, header, err := readHead(from)
	if err != nil {
		return nil, err
	}
	version, rest, _ := strings.Cut(start, " ")
	code, reason, _ := strings.Cut(rest, " ")
	status, err := strconv.Atoi(code)
	if err != nil || len(code) != 3 || status < 100 || !strings.HasPrefix(version, "HTTP/1.") {
		return nil, fmt.Errorf("status line %.80q: %w", start, ErrMalformed)
	}
	answer := &Answer{Status: status, Reason: reason, Header: header}
	if method == http.MethodHead || status < 200 || status == http.StatusNoContent || status == http.StatusNotModified {
		return answer, nil
	}
	length, err := bodyLength(header)
	if err != nil {
		return nil, err
	}
	answer.Body, err = readBody(from, length)
	return answer, err
}

// readHead reads a start line and the header lines after it.
func readHead(from *bufio.Reader) (start string, header Header, err error) {
	size := 0
	for {
		line, err := readLine(from, &size)
		if err != nil {
			if errors.Is(err, io.EOF) && size > 0 {
				err = io.ErrUnexpectedEOF
			}
			return "", nil, err
		}
		switch {
		case start == "" && line == "": // RFC 9112 section 2.2: an empty line before a start line is passed over
			continue
		case start == "":
			start = line
		case line == "":
			return start, header, nil
		default:
			name, value, found := strings.Cut(line, ":")
			if !found || !validToken(name) { // line folding (obs-fold) ends here too
				return "", nil, fmt.Errorf("header line %.80q: %w", line, ErrMalformed)
			}
			value = strings.Trim(value, " \t")
			if strings.ContainsAny(value, "\x00\r\n") {
				return "", nil, fmt.Errorf("value of header %q: %w", name, ErrMalformed)
			}
			header = append(header, HeaderLine{Name: name, Value: value})
		}
	}
}

// readLine reads to a line feed and drops it and a carriage return before it.
func readLine(from *bufio.Reader, size *int) (string, error) {
	var line []byte
	for {
		part, err := from.ReadSlice('\n')
		line = append(line, part...)
		*size += len(part)
		if *size > maxHead {
			return "", fmt.Errorf("head: %w", ErrTooLarge)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil {
			return "", err
		}
		return string(bytes.TrimSuffix(line[:len(line)-1], []byte("\r"))), nil
	}
}

// peekHead waits for a whole head without consuming it, as far as the reader's
// buffer goes.
func peekHead(from *bufio.Reader) ([]byte, error) {
	for size := 1; ; {
		peeked, err := from.Peek(size)
		if err != nil {
			if errors.Is(err, bufio.ErrBufferFull) {
				return peeked, nil
			}
			if len(peeked) > 0 && errors.Is(err, io.EOF) {
				return peeked, nil // ReadRequest says what is wrong with it
			}
			return nil, err
		}
		if all, _ := from.Peek(from.Buffered()); len(all) > 0 {
			peeked = all
		}
		if bytes.Contains(peeked, []byte("\r\n\r\n")) || bytes.Contains(peeked, []byte("\n\n")) {
			return peeked, nil
		}
		size = len(peeked) + 1
	}
}

// Lengths of bodies that no Content-Length gives.
const (
	untilClose = -1
	chunked    = -2
)

// bodyLength finds how long a body is (RFC 9112 section 6.3). Messages whose
// length two parsers could see differently are refused.
func bodyLength(header Header) (int, error) {
	length := untilClose
	encoded := false
	for _, line := range header {
		switch {
		case strings.EqualFold(line.Name, "Transfer-Encoding"):
			if encoded || !strings.EqualFold(line.Value, "chunked") {
				return 0, fmt.Errorf("transfer encoding %q: %w", line.Value, ErrMalformed)
			}
			encoded = true
		case strings.EqualFold(line.Name, "Content-Length"):
			number, err := strconv.ParseUint(line.Value, 10, 63)
			if err != nil || (length != untilClose && length != int(number)) || line.Value[0] == '+' {
				return 0, fmt.Errorf("content length %q: %w", line.Value, ErrMalformed)
			}
			length = int(number)
		}
	}
	switch {
	case encoded && length != untilClose:
		return 0, fmt.Errorf("both a length and a transfer encoding: %w", ErrMalformed)
	case encoded:
		return chunked, nil
	case length > maxBody:
		return 0, fmt.Errorf("body of %d bytes: %w", length, ErrTooLarge)
	default:
		return length, nil
	}
}

func readBody(from *bufio.Reader, length int) ([]byte, error) {
	switch length {
	case 0:
		return nil, nil
	case chunked:
		return readChunks(from)
	case untilClose:
		body, err := io.ReadAll(io.LimitReader(from, maxBody+1))
		if len(body) > maxBody {
			return nil, fmt.Errorf("body: %w", ErrTooLarge)
		}
		return body, err
	default:
		body := make([]byte, length)
		if _, err := io.ReadFull(from, body); err != nil {
			return nil, fmt.Errorf("body: %w", unexpected(err))
		}
		return body, nil
	}
}

// readChunks reads a chunked body to its end. Trailers are read and dropped:
// the message goes on with a Content-Length.
func readChunks(from *bufio.Reader) ([]byte, error) {
	var body []byte
	for {
		size := 0
		line, err := readLine(from, &size)
		if err != nil {
			return nil, fmt.Errorf("chunk size: %w", unexpected(err))
		}
		digits, _, _ := strings.Cut(line, ";")
		length, err := strconv.ParseUint(strings.TrimRight(digits, " \t"), 16, 31)
		if err != nil {
			return nil, fmt.Errorf("chunk size %.40q: %w", line, ErrMalformed)
		}
		if length == 0 {
			return body, skipTrailers(from)
		}
		if len(body)+int(length) > maxBody {
			return nil, fmt.Errorf("body: %w", ErrTooLarge)
		}
		chunk := make([]byte, length+2)
		if _, err := io.ReadFull(from, chunk); err != nil {
			return nil, fmt.Errorf("chunk: %w", unexpected(err))
		}
		if !bytes.HasSuffix(chunk, []byte("\r\n")) {
			return nil, fmt.Errorf("end of chunk: %w", ErrMalformed)
		}
		body = append(body, chunk[:length]...)
	}
}

func skipTrailers(from *bufio.Reader) error {
	size := 0
	for {
		line, err := readLine(from, &size)
		if err != nil {
			return fmt.Errorf("trailer: %w", unexpected(err))
		}
		if line == "" {
			return nil
		}
	}
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func validToken(text string) bool {
	for i := range len(text) {
		c := text[i]
		letter := (c|0x20 >= 'a' && c|0x20 <= 'z') || (c >= '0' && c <= '9')
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return text != ""
}

// Bytes is the request as it goes over the wire: the header lines as they
// came, and a Content-Length for the body that there is.
func (r *Request) Bytes() []byte {
	var out bytes.Buffer
	out.Grow(512 + len(r.Body))
	out.WriteString(r.Method + " " + r.Target + " HTTP/1.1\r\n")
	bodyless := len(r.Body) == 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead ||
		r.Method == http.MethodDelete || r.Method == http.MethodOptions)
	writeRest(&out, r.Header, r.Body, !bodyless)
	return out.Bytes()
}

// Bytes is the answer as it goes over the wire. An answer to HEAD, a 204 or a
// 304 keeps the lengths its sender gave and has no body.
func (a *Answer) Bytes(method string) []byte {
	var out bytes.Buffer
	out.Grow(512 + len(a.Body))
	fmt.Fprintf(&out, "HTTP/1.1 %03d %s\r\n", a.Status, a.Reason)
	if a.Status == http.StatusNoContent || a.Status == http.StatusNotModified || method == http.MethodHead {
		for _, line := range a.Header {
			out.WriteString(line.Name + ": " + line.Value + "\r\n")
		}
		out.WriteString("\r\n")
		return out.Bytes()
	}
	writeRest(&out, a.Header, a.Body, true)
	return out.Bytes()
}

func writeRest(out *bytes.Buffer, header Header, body []byte, sized bool) {
	for _, line := range header {
		if strings.EqualFold(line.Name, "Transfer-Encoding") || strings.EqualFold(line.Name, "Content-Length") ||
			strings.EqualFold(line.Name, "Trailer") {
			continue
		}
		out.WriteString(line.Name + ": " + line.Value + "\r\n")
	}
	if sized {
		out.WriteString("Content-Length: " + strconv.Itoa(len(body)) + "\r\n")
	}
	out.WriteString("\r\n")
	out.Write(body)
}

// keepsAlive reports whether a message leaves its connection open.
func keepsAlive(header Header) bool {
	return !strings.Contains(strings.ToLower(header.First("Connection")), "close")
}
