package environment

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"strconv"
	"strings"

	"github.com/testcontainers/testcontainers-go"

	"github.com/payquake/payquake/faults"
	"github.com/payquake/payquake/harness/manifest"
	"github.com/payquake/payquake/payment"
)

// settingsFolder is where a described merchant's container finds the files that
// its settings name.
const settingsFolder = "/payquake"

// describedMerchant is the container of a manifest's merchant. It calls the
// providers by their real names, which lead to the gateway; what its runtime
// would send through a proxy goes there too.
func (d *docker) describedMerchant(ctx context.Context) (testcontainers.ContainerRequest, error) {
	described := d.topology.Merchant.Described.Merchant
	if err := prepare(ctx, *d.topology.Merchant.Described); err != nil {
		return testcontainers.ContainerRequest{}, err
	}
	image := described.Image
	if described.Build != nil {
		built, err := d.build(ctx, *described.Build, d.topology.Merchant.Described.Name)
		if err != nil {
			return testcontainers.ContainerRequest{}, fmt.Errorf("merchant.build: %w", err)
		}
		image = built
	} else if _, err := d.provider.Client().ImageInspect(ctx, image); err != nil {
		return testcontainers.ContainerRequest{}, fmt.Errorf("the engine has no image %q (payquake pulls none: docker pull it, or give merchant.build): %w", image, err)
	}
	variables := maps.Clone(described.Given)
	if variables == nil {
		variables = map[string]string{}
	}
	var files []testcontainers.ContainerFile
	file := func(name, text string) (string, error) {
		kept := path.Join(settingsFolder, name)
		files = append(files, testcontainers.ContainerFile{Reader: strings.NewReader(text), ContainerFilePath: kept, FileMode: 0o644})
		return kept, nil
	}
	spans := fmt.Sprintf("http://gateway:%d", controlPort)
	traced(variables, spans)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy"} {
		variables[name] = fmt.Sprintf("http://gateway:%d", frontPort)
	}
	err := errors.Join(trust(variables, d.topology.Authority, file), settings(variables, d.topology, surroundings{
		host: "0.0.0.0", port: strconv.Itoa(described.Port), data: "/data", spans: spans, file: file,
		baseURL: func(name payment.ProviderName) string { return "https://" + d.hostOf(name) },
		service: func(name string) string {
			return fmt.Sprintf("gateway:%d", d.gatewayConfig().Port(faults.LinkBetween("merchant", name)))
		},
	}))
	return testcontainers.ContainerRequest{
		Image: image, Entrypoint: described.Entrypoint, Cmd: described.Arguments, Labels: ownLabels(d.topology.Run), Env: variables, Files: files,
		Networks: []string{d.inner.Name}, NetworkAliases: map[string][]string{d.inner.Name: {"merchant"}},
	}, err
}

// hostOf is a provider's real host name.
func (d *docker) hostOf(name payment.ProviderName) string {
	for _, provider := range d.topology.Providers {
		if provider.Name() == name {
			return provider.Hosts()[0]
		}
	}
	return ""
}

// build makes an image as a manifest says.
func (d *docker) build(ctx context.Context, build manifest.Build, name string) (string, error) {
	return d.provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		Context: build.Context, Dockerfile: build.Dockerfile, Repo: "payquake-merchant", Tag: tagOf(name), KeepImage: true}})
}

// tagOf makes a name fit for an image's tag.
func tagOf(name string) string {
	fit := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	return "of-" + strings.Trim(fit, "-")
}
