package setup

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/payquake/payquake/clock"
	"github.com/payquake/payquake/harness/environment"
	"github.com/payquake/payquake/harness/roles"
)

// Keys are providers and an authority that outlive a run, for a merchant that runs
// already and was given its credentials beforehand. They are for tests only: the
// folder they are kept in holds every secret of both sides.
type Keys struct {
	Made      time.Time              `json:"made"`
	Providers []roles.ProviderConfig `json:"providers"`
	Authority roles.Authority        `json:"authority"`
	// Front is the port on 127.0.0.1 at which every run's gateway stands for the
	// providers' hosts: as HTTPS proxy, and with TLS.
	Front int `json:"front"`
}

// keysFile holds the keys in their folder.
const keysFile = "payquake-keys.json"

// keysLife is how long certificates that are made now are good, with a day to
// spare.
const keysLife = 6 * 24 * time.Hour

// Errors of kept keys.
var (
	ErrNoKeys  = errors.New("there are no keys")
	ErrOldKeys = errors.New("the keys are too old")
)

// MakeKeys makes keys and keeps them in a folder.
func MakeKeys(folder string, keys environment.Keys) (Keys, error) {
	now := clock.System{}.Now()
	made := Keys{Made: now.UTC()}
	var err error
	if made.Providers, err = environment.FreshProviders(keys); err != nil {
		return Keys{}, err
	}
	if made.Authority, err = roles.NewAuthority(now); err != nil {
		return Keys{}, err
	}
	drawn, err := rand.Int(rand.Reader, big.NewInt(10_000))
	if err != nil {
		return Keys{}, fmt.Errorf("choose a port: %w", err)
	}
	made.Front = 20_000 + int(drawn.Int64())
	text, err := json.MarshalIndent(made, "", " ")
	if err != nil {
		return Keys{}, fmt.Errorf("keep keys: %w", err)
	}
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return Keys{}, fmt.Errorf("keep keys: %w", err)
	}
	if err := os.WriteFile(filepath.Join(folder, keysFile), text, 0o600); err != nil {
		return Keys{}, fmt.Errorf("keep keys: %w", err)
	}
	return made, nil
}

// LoadKeys reads kept keys. It fails with ErrNoKeys, and with ErrOldKeys when their
// certificates are about to run out.
func LoadKeys(folder string) (Keys, error) {
	text, err := os.ReadFile(filepath.Join(folder, keysFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Keys{}, fmt.Errorf("%w in %s; payquake keys makes some", ErrNoKeys, folder)
	}
	if err != nil {
		return Keys{}, fmt.Errorf("read keys: %w", err)
	}
	var kept Keys
	if err := json.Unmarshal(text, &kept); err != nil {
		return Keys{}, fmt.Errorf("read keys in %s: %w", folder, err)
	}
	if (clock.System{}).Now().Sub(kept.Made) > keysLife {
		return Keys{}, fmt.Errorf("%w (made %s); payquake keys makes new ones, which the merchant must be given", ErrOldKeys, kept.Made.Format(time.DateOnly))
	}
	return kept, nil
}
