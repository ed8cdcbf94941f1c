package roles

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

// nameServer answers for the names of the providers with the gateway's own
// address. Every other name is refused, and the refusal is told: whoever asks for
// it is about to leave the machine.
type nameServer struct {
	conn    net.PacketConn
	address netip.Addr
	knows   func(host string) bool
	refused func(host string)
	ended   chan struct{}
}

func serveNames(address string, knows func(string) bool, refused func(string)) (*nameServer, error) {
	at, err := netip.ParseAddr(address)
	if err != nil {
		return nil, fmt.Errorf("listen for names: %w", err)
	}
	conn, err := net.ListenPacket("udp", net.JoinHostPort(address, "53"))
	if err != nil {
		return nil, fmt.Errorf("listen for names: %w", err)
	}
	s := &nameServer{conn: conn, address: at, knows: knows, refused: refused, ended: make(chan struct{})}
	go s.serve()
	return s, nil
}

func (s *nameServer) serve() {
	defer close(s.ended)
	for packet := make([]byte, 1500); ; {
		n, from, err := s.conn.ReadFrom(packet)
		if err != nil {
			return
		}
		if answer, err := s.answer(packet[:n]); err == nil {
			_, _ = s.conn.WriteTo(answer, from) // who asked asks again
		}
	}
}

// errNotOneQuestion is a message that is no question, or several.
var errNotOneQuestion = errors.New("not one question")

func (s *nameServer) answer(packet []byte) ([]byte, error) {
	var asked dnsmessage.Message
	if err := asked.Unpack(packet); err != nil {
		return nil, err
	}
	if asked.Response || len(asked.Questions) != 1 {
		return nil, errNotOneQuestion
	}
	question := asked.Questions[0]
	answer := dnsmessage.Message{Header: dnsmessage.Header{ID: asked.ID, Response: true, RecursionDesired: asked.RecursionDesired,
		RecursionAvailable: true}, Questions: asked.Questions}
	host := strings.ToLower(strings.TrimSuffix(question.Name.String(), "."))
	switch {
	case !s.knows(host):
		s.refused(host)
		answer.RCode = dnsmessage.RCodeNameError
	case question.Type == dnsmessage.TypeA:
		answer.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET},
			Body: &dnsmessage.AResource{A: s.address.As4()}}}
	}
	return answer.Pack()
}

func (s *nameServer) close() error {
	err := s.conn.Close()
	<-s.ended
	return err
}
