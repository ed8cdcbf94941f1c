// Package manifest reads payquake.yaml: what payquake must know of a merchant
// under test to start it, to reach it, and to act as its shoppers. All that is
// wrong with a file is told at once, before anything starts.
package manifest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// File is the name under which payquake looks for a manifest.
const File = "payquake.yaml"

// Manifest is what payquake.yaml says.
type Manifest struct {
	Path      string // of the file
	Folder    string // that its paths are relative to
	Name      string // the merchant's
	Merchant  Merchant
	Providers []Provider
	Services  []Service
	// Goods are what the merchant sells, where it sells only what it lists; none
	// means that it takes any price.
	Goods []scenarios.Good
	// Driver says how payquake's shoppers act. Without one payquake only watches:
	// other people's shoppers buy, by Traffic or by themselves.
	Driver *Driver
	// Traffic is a command, run in Folder, that makes such shoppers buy; none means
	// that somebody else does.
	Traffic []string
}

// Watched reports whether the merchant's shoppers are not payquake's.
func (m Manifest) Watched() bool { return m.Driver == nil }

// Merchant says how the merchant is started, and where it is reached: as a process
// (Command), as a container (Image or Build), as either, or not at all (URL).
type Merchant struct {
	// Prepare is run by the shell, in Directory, before it is started or built.
	Prepare string
	// Command starts it as a process, in Directory.
	Command   []string
	Directory string
	// Image is a container image that the engine has.
	Image string
	// Build makes an image.
	Build *Build
	// URL is where a merchant runs that payquake neither starts nor stops.
	URL string
	// Keys is the folder of the keys that such a merchant was given beforehand, as
	// payquake keys makes them.
	Keys string
	// Port is where it listens in a container, whose address is its own.
	Port int
	// Entrypoint and Arguments replace the image's own, and Given are variables that
	// it is given as they are: of a merchant that a compose file has.
	Entrypoint, Arguments []string
	Given                 map[string]string
	// Environment is what it is given as variables, in the order of the file.
	Environment []Setting
	// Ready is the path that answers with success once it serves.
	Ready string
	// Patience is how long it may take until then.
	Patience time.Duration
	// LongestTimer is after how much quiet it is sure to do nothing more by itself.
	LongestTimer time.Duration
	// PublicURL is the address it gives providers for their notifications. They
	// are delivered to it under that host, wherever it runs.
	PublicURL string
}

// Build says how an image is made.
type Build struct {
	Context    string // the folder that is sent to the engine
	Dockerfile string // in it
}

// Service is a system beside the providers that the merchant calls, through a link
// of its own: a database, a cache, another team's API. Exactly one of Command,
// Build, Image and Address is set, or Command beside one of the two in the middle.
type Service struct {
	Name        string
	Command     []string
	Directory   string
	Build       *Build
	Image       string
	Address     string // host:port where it runs already
	Port        int    // where it listens in its container
	HTTP        bool   // else it is bytes that pass
	Ready       string // the path that answers with success once it serves; "" for whoever accepts connections
	Environment []Setting
	// As for a merchant, of a service that a compose file has.
	Entrypoint, Arguments []string
	Given                 map[string]string
}

// Setting is an environment variable.
type Setting struct {
	Name  string
	Value Template
}

// Provider is a provider that the merchant takes payments with.
type Provider struct {
	Name    payment.ProviderName
	Mode    string           // how both know each other's keys; "" for the usual way
	Methods []payment.Method // the ways to pay that the merchant offers with it
}

// AsProcess and AsContainer report in which environments there can be the merchant:
// local, and docker.
func (m Merchant) AsProcess() bool { return m.Command != nil || m.URL != "" }

// AsContainer is the other half of AsProcess.
func (m Merchant) AsContainer() bool { return m.Image != "" || m.Build != nil }

// Stoppable reports whether payquake may stop and start the merchant.
func (m Merchant) Stoppable() bool { return m.URL == "" }

// Find looks for payquake.yaml in a folder; "" if there is none.
func Find(folder string) string {
	path := filepath.Join(folder, File)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return ""
	}
	return path
}

// Load reads a manifest for the systems that payquake plays. The error is
// document.Problems if the file was read and is wrong.
func Load(path string, systems scenarios.Systems) (Manifest, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Manifest{}, fmt.Errorf("read %s: there is no such file; payquake init writes one", path)
	}
	if err != nil {
		return Manifest{}, fmt.Errorf("read the manifest: %w", err)
	}
	m, err := Parse(path, text, systems)
	if err != nil {
		return Manifest{}, err
	}
	return m, nil
}

// Parse reads a manifest from text; path names it in problems, and is what its
// paths are relative to.
func Parse(path string, text []byte, systems scenarios.Systems) (Manifest, error) {
	source, root, problem := document.Parse(path, text, document.Format{What: "manifest", Begin: "name: and merchant:"})
	if problem != nil {
		return Manifest{}, document.Problems{*problem}
	}
	r := &reader{Notes: document.Notes{Source: source, Name: source.File}, systems: systems, folder: filepath.Dir(path)}
	m := r.manifest(root)
	if err := r.Err(); err != nil {
		return Manifest{}, err
	}
	m.Path = path
	return m, nil
}
