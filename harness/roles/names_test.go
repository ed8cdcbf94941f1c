package roles

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// asked is a question for a name as a resolver packs it.
func asked(t testing.TB, name string, kind dnsmessage.Type) []byte {
	t.Helper()
	message := dnsmessage.Message{Header: dnsmessage.Header{ID: 7, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}}}
	packed, err := message.Pack()
	require.NoError(t, err)
	return packed
}

func nearNames(refused *[]string) *nameServer {
	return &nameServer{address: netip.MustParseAddr("127.77.1.2"), knows: func(host string) bool { return host == "api.mch.weixin.qq.com" },
		refused: func(host string) { *refused = append(*refused, host) }}
}

// TestNames: the providers' names lead to the gateway, whatever their case; every
// other name does not exist, and is reported.
func TestNames(t *testing.T) {
	var refused []string
	s := nearNames(&refused)
	read := func(packet []byte) dnsmessage.Message {
		answer, err := s.answer(packet)
		require.NoError(t, err)
		var said dnsmessage.Message
		require.NoError(t, said.Unpack(answer))
		require.True(t, said.Response)
		require.EqualValues(t, 7, said.ID)
		return said
	}
	known := read(asked(t, "API.mch.weixin.qq.com.", dnsmessage.TypeA))
	require.Equal(t, dnsmessage.RCodeSuccess, known.RCode)
	require.Equal(t, &dnsmessage.AResource{A: [4]byte{127, 77, 1, 2}}, known.Answers[0].Body)
	six := read(asked(t, "api.mch.weixin.qq.com.", dnsmessage.TypeAAAA))
	require.Equal(t, dnsmessage.RCodeSuccess, six.RCode)
	require.Empty(t, six.Answers, "it has no such address, but it is there")
	require.Empty(t, refused)
	require.Equal(t, dnsmessage.RCodeNameError, read(asked(t, "elsewhere.example.", dnsmessage.TypeA)).RCode)
	require.Equal(t, []string{"elsewhere.example"}, refused)
	_, err := s.answer([]byte{1, 2, 3})
	require.Error(t, err)
}

// FuzzNames: whatever comes to the port, nothing breaks.
func FuzzNames(f *testing.F) {
	f.Add(asked(f, "api.mch.weixin.qq.com.", dnsmessage.TypeA))
	f.Add(asked(f, "elsewhere.example.", dnsmessage.TypeMX))
	f.Fuzz(func(t *testing.T, packet []byte) {
		var refused []string
		if answer, err := nearNames(&refused).answer(packet); err == nil {
			var said dnsmessage.Message
			require.NoError(t, said.Unpack(answer))
		}
	})
}
