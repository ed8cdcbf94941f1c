package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/internal/document"
	"github.com/payquake/payquake/payment"
	"github.com/payquake/payquake/scenarios"
)

// drafting are the flags of init.
type drafting struct {
	command, image, compose, service, url, openapi string
	providers                                      []string
	output                                         string
	force                                          bool
}

func initCommand(*global) *cobra.Command {
	var d drafting
	command := &cobra.Command{
		Use:   "init",
		Short: "write a first payquake.yaml for your merchant",
		Long: `init writes a payquake.yaml from what there is: the command that starts the
merchant, an image, a compose file, or the URL where it runs; and, if it has one,
an OpenAPI file that tells its calls. What init can only guess is marked TODO.`,
		Example: `  payquake init --command "python3 shop.py" --provider alipay
  payquake init --compose docker-compose.yml --service shop --openapi api.yaml
  payquake init --url http://127.0.0.1:8080 --provider wechatpay,unionpay`,
		Args: arguments(cobra.NoArgs),
		RunE: func(command *cobra.Command, _ []string) error {
			text, err := d.draft()
			if err != nil {
				return usageError{err}
			}
			if _, err := os.Stat(d.output); !errors.Is(err, fs.ErrNotExist) && !d.force {
				return usageError{fmt.Errorf("%s is there already; --force overwrites it, --output names another", d.output)}
			}
			if err := os.WriteFile(d.output, []byte(text), 0o644); err != nil {
				return usageError{err}
			}
			_, err = fmt.Fprintf(command.OutOrStdout(), "wrote %s: %d places are marked TODO\nnext: edit it, then payquake validate, payquake doctor, payquake run calm\n",
				d.output, strings.Count(text, "TODO"))
			return err
		},
	}
	flags := command.Flags()
	flags.StringVar(&d.command, "command", "", "the command that starts the merchant")
	flags.StringVar(&d.image, "image", "", "its image")
	flags.StringVar(&d.compose, "compose", "", "a compose file that has it as a service")
	flags.StringVar(&d.service, "service", "", "which service of the compose file")
	flags.StringVar(&d.url, "url", "", "where it runs already")
	flags.StringVar(&d.openapi, "openapi", "", "an OpenAPI 3 file of its API")
	flags.StringSliceVar(&d.providers, "provider", []string{"wechatpay"}, "whom it takes payments with")
	flags.StringVar(&d.output, "output", manifest.File, "the file to write")
	flags.BoolVar(&d.force, "force", false, "overwrite the file")
	return command
}

// draft writes the manifest's text.
func (d *drafting) draft() (string, error) {
	var given []string
	for _, way := range []struct{ flag, value string }{{"--command", d.command}, {"--image", d.image}, {"--compose", d.compose}, {"--url", d.url}} {
		if way.value != "" {
			given = append(given, way.flag)
		}
	}
	if len(given) != 1 {
		return "", errors.New("say how there is a merchant, with one of --command, --image, --compose or --url")
	}
	folder, err := os.Getwd()
	if err != nil {
		return "", err
	}
	s := manifest.Sketch{Name: filepath.Base(folder), Command: strings.Fields(d.command), Image: d.image, URL: d.url}
	if d.compose != "" {
		composition, err := manifest.Compose(d.compose, d.service)
		if err != nil {
			return "", err
		}
		s.Name, s.Compose, s.Service = composition.Merchant.Name, d.compose, composition.Merchant.Name
	}
	if d.openapi != "" {
		if s.Calls, err = manifest.OpenAPI(d.openapi); err != nil {
			return "", err
		}
	}
	for _, name := range d.providers {
		provider := payment.ProviderName(name)
		if manifest.Facts(provider) == nil {
			var known []string
			for _, provider := range scenarios.DefaultSystems().Providers {
				known = append(known, string(provider.Name))
			}
			return "", fmt.Errorf("--provider: unknown provider %q; there are %s", name, document.Joined(known))
		}
		if !slices.Contains(s.Providers, provider) {
			s.Providers = append(s.Providers, provider)
		}
	}
	return manifest.Draft(s)
}
