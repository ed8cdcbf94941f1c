package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/harness/setup"
	"github.com/payquake/payquake/scenarios"
)

// subject is the merchant that a command is about: the one that a payquake.yaml
// describes, or the reference merchant.
type subject struct {
	path      string
	reference bool
	described *manifest.Manifest // after load; nil for the reference merchant
	// database is the URL of the reference merchant's, if it is a server.
	database string
}

func (s *subject) define(command *cobra.Command) {
	flags := command.Flags()
	flags.StringVar(&s.path, "manifest", "", "the merchant under test, as a payquake.yaml describes it (./"+manifest.File+" if there is one)")
	flags.BoolVar(&s.reference, "reference", false, "test the reference merchant, even where there is a "+manifest.File)
}

// load finds and reads the manifest.
func (s *subject) load() error {
	if s.reference {
		if s.path != "" {
			return usageError{errors.New("--manifest and --reference name two merchants; a run has one")}
		}
		return nil
	}
	path := s.path
	if path == "" {
		if path = manifest.Find("."); path == "" {
			return nil
		}
	}
	read, err := manifest.Load(path, scenarios.DefaultSystems())
	if err != nil {
		return usageError{err}
	}
	s.described = &read
	return nil
}

// fit leaves of a scenario what is possible with this merchant, and tells what is
// not.
func (s *subject) fit(scenario scenarios.Scenario) (scenarios.Scenario, scenarios.Systems, error) {
	fitting, systems, left, err := setup.Fit(scenario, s.described, s.database)
	for _, why := range left {
		fmt.Fprintln(os.Stderr, "left out: "+why)
	}
	return fitting, systems, err
}

// systems are those that exist with this merchant.
func (s *subject) systems() scenarios.Systems {
	if s.described == nil {
		return scenarios.DefaultSystems()
	}
	return s.described.Systems(scenarios.DefaultSystems())
}

// providers are whom the merchant takes payments with; none means all.
func (s *subject) providers() []manifest.Provider {
	if s.described == nil {
		return nil
	}
	return s.described.Providers
}
