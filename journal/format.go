package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/payquake/payquake/faults"
)

// Format and Version name the journal's format in its first line. A reader
// refuses versions it does not know.
const (
	Format  = "payquake-journal"
	Version = 1
)

// Header is the first line of a journal: what was run, and against what.
type Header struct {
	Format      string    `json:"format"`
	Version     int       `json:"version"`
	Run         string    `json:"run"`
	Scenario    string    `json:"scenario"`
	Seed        uint64    `json:"seed"`
	Started     time.Time `json:"started"`
	Environment string    `json:"environment"` // docker or local
	Providers   []string  `json:"providers"`
	// Merchant is the name of a merchant that a manifest describes, and Manifest
	// the path of that; both are "" for the reference merchant.
	Merchant string `json:"merchant,omitempty"`
	Manifest string `json:"manifest,omitempty"`
	// MerchantBug is the known mistake that was switched on, if any.
	MerchantBug string `json:"merchantBug,omitempty"`
	// MerchantTwin is the honest way to be different that was switched on, if any.
	MerchantTwin string `json:"merchantTwin,omitempty"`
	// OwnDatabase: the merchant was given a database by URL. The URL may hold a
	// password and is not kept.
	OwnDatabase bool `json:"ownDatabase,omitempty"`
	// StandardKeys: the providers signed with ordinary keys.
	StandardKeys bool `json:"standardKeys,omitempty"`
	// LongestTimer is the longest time after which the merchant, by its own
	// declaration, still acts by itself; 0 if it declared none.
	LongestTimer faults.Duration `json:"longestTimer"`
	// MerchantTraced says whether the merchant was asked to send spans of its own.
	MerchantTraced bool `json:"merchantTraced"`
	// Capabilities say what evidence the merchant provides.
	Capabilities Capabilities `json:"capabilities"`
	// Repeat is the command line, without the finding, that repeats a part of
	// this run: the program and the path of the run folder.
	Repeat string `json:"repeat"`
}

// Capabilities say what evidence the merchant under test provides. An
// invariant whose evidence is missing is not applicable.
type Capabilities struct {
	Books      bool `json:"books"`
	Fulfilment bool `json:"fulfilment"`
	HandOver   bool `json:"handOver"`
	// Watched: its shoppers were not payquake's, so that of orders nothing is known.
	Watched bool `json:"watched,omitempty"`
}

// Seal closes a journal: how much there must be of it.
type Seal struct {
	Records uint64            `json:"records"`
	SHA256  string            `json:"sha256"`  // of the whole journal file
	Sources map[Source]uint64 `json:"sources"` // number of each source's last record
	// Files are the hashes (SHA-256, hex) of the other files that are evidence.
	Files map[string]string `json:"files"`
}

// The CRC is CRC-32C over the line up to the crc member.
const (
	crcMember = `,"crc":"`
	crcTail   = len(crcMember) + 8 + len(`"}`)
)

// errLine covers everything that can be wrong with one line.
var errLine = errors.New("damaged line")

// encodeLine writes a value as one line with its CRC.
func encodeLine(value any) ([]byte, error) {
	body, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	body = body[:len(body)-1]
	sum := crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))
	return fmt.Appendf(body, "%s%08x\"}\n", crcMember, sum), nil
}

// checkLine verifies a line's CRC.
func checkLine(line []byte) error {
	cut := len(line) - crcTail
	if cut < 1 || !bytes.HasPrefix(line[cut:], []byte(crcMember)) || !bytes.HasSuffix(line, []byte(`"}`)) {
		return fmt.Errorf("%w: it does not end in a CRC", errLine)
	}
	sum := crc32.Checksum(line[:cut], crc32.MakeTable(crc32.Castagnoli))
	if want := fmt.Sprintf("%08x", sum); want != string(line[cut+len(crcMember):len(line)-2]) {
		return fmt.Errorf("%w: its CRC is %s, its content's %s", errLine, line[cut+len(crcMember):len(line)-2], want)
	}
	return nil
}
