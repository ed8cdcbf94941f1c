package environment

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/client"
	"github.com/testcontainers/testcontainers-go"
	tclog "github.com/testcontainers/testcontainers-go/log"
)

// Labels of everything that payquake creates at an engine. They name the
// owner beyond doubt: a process number alone is used again.
const (
	runLabel       = "payquake.run"
	pidLabel       = "payquake.pid"
	startLabel     = "payquake.start"         // of the process, in ticks since boot
	bootLabel      = "payquake.boot"          // of the machine
	namespaceLabel = "payquake.pid-namespace" // in which the process number counts
)

// imageName is the repository of the images built from the binary; the tag is
// the binary's hash.
const imageName = "payquake-role"

// prepareTestcontainers sets what the library reads once, at first use. Its
// reaper would be pulled from a registry; ours is the watchdog. The value must
// be the literal true, anything else switches the reaper on. Where the engine
// is on this machine, ports are dialled on loopback even from inside a
// container.
func prepareTestcontainers() {
	_ = os.Setenv("TESTCONTAINERS_RYUK_DISABLED", "true")
	host := os.Getenv("DOCKER_HOST")
	if os.Getenv("TESTCONTAINERS_HOST_OVERRIDE") == "" && (host == "" || strings.HasPrefix(host, "unix:")) {
		_ = os.Setenv("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
	}
	tclog.SetDefault(tclog.NewNoopLogger())
}

// EngineAnswers is nil when a Docker engine answers, and ErrNoEngine with the
// reason when none does.
func EngineAnswers(ctx context.Context) error {
	prepareTestcontainers()
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	engine, err := newEngine()
	if err != nil {
		return err
	}
	defer engine.Close()
	if _, err := engine.Ping(ctx, client.PingOptions{}); err != nil {
		return fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return nil
}

func newEngine() (*client.Client, error) {
	engine, err := client.New(client.FromEnv)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	return engine, nil
}

func ownLabels(run string) map[string]string {
	pid := os.Getpid()
	return map[string]string{runLabel: run, pidLabel: strconv.Itoa(pid), startLabel: processStart(pid), bootLabel: bootID(),
		namespaceLabel: pidNamespace()}
}

// pidNamespace tells apart two containers of one machine that share its engine
// and each have a process 7.
func pidNamespace() string {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return namespace
}

func bootID() string {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// buildImage makes the image of this very binary, FROM scratch and from an
// in-memory archive, so that no registry is asked. It is built once per binary.
func buildImage(ctx context.Context, provider *testcontainers.DockerProvider, program string, tell func(string)) (string, error) {
	binary, err := os.ReadFile(program)
	if err == nil {
		err = checkStandalone(binary)
	}
	if err != nil {
		return "", fmt.Errorf("build image from %s: %w", program, err)
	}
	sum := sha256.Sum256(binary)
	tag := hex.EncodeToString(sum[:6])
	image := imageName + ":" + tag
	if _, err := provider.Client().ImageInspect(ctx, image); err == nil {
		return image, nil
	}
	tell("building the image " + image + " from the payquake binary")
	archive, err := imageContext(binary)
	if err != nil {
		return "", fmt.Errorf("build image: %w", err)
	}
	_, err = provider.BuildImage(ctx, &testcontainers.ContainerRequest{FromDockerfile: testcontainers.FromDockerfile{
		ContextArchive: bytes.NewReader(archive), Repo: imageName, Tag: tag, KeepImage: true}})
	if err != nil {
		return "", fmt.Errorf("build image: %w", err)
	}
	return image, nil
}

// BuildImage makes the image of a payquake binary under a name of its own, such as
// payquake:1.2, for whoever wants to start it otherwise than in a run. It fails with
// ErrNoEngine, and with ErrNotStandalone.
func BuildImage(ctx context.Context, program, name string, tell func(string)) error {
	if err := EngineAnswers(ctx); err != nil {
		return err
	}
	provider, err := testcontainers.NewDockerProvider()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoEngine, err)
	}
	defer provider.Close()
	built, err := buildImage(ctx, provider, program, tell)
	if err != nil {
		return err
	}
	if _, err := provider.Client().ImageTag(ctx, client.ImageTagOptions{Source: built, Target: name}); err != nil {
		return fmt.Errorf("name the image %s: %w", name, err)
	}
	return nil
}

// ErrNotStandalone is a payquake binary that no container can run by itself.
var ErrNotStandalone = errors.New("the binary does not run in an empty image; build it with CGO_ENABLED=0 for linux (make build)")

// checkStandalone fails with ErrNotStandalone unless a binary is an ELF file
// that needs no loader: an empty image has none, and the engine's own message
// for that is "no such file".
func checkStandalone(binary []byte) error {
	file, err := elf.NewFile(bytes.NewReader(binary))
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNotStandalone, err)
	}
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			return fmt.Errorf("%w: it is linked dynamically", ErrNotStandalone)
		}
	}
	return nil
}

// dockerfile has a folder that the merchant may write to. Being part of the
// container, not of a volume, it survives kill and start.
const dockerfile = "FROM scratch\nCOPY data /data\nCOPY data /tmp\nCOPY payquake /payquake\nENTRYPOINT [\"/payquake\"]\n"

func imageContext(binary []byte) ([]byte, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	files := []struct {
		header  tar.Header
		content []byte
	}{
		{tar.Header{Name: "Dockerfile", Mode: 0o644, Size: int64(len(dockerfile))}, []byte(dockerfile)},
		{tar.Header{Name: "data/", Mode: 0o755, Typeflag: tar.TypeDir}, nil},
		{tar.Header{Name: "payquake", Mode: 0o755, Size: int64(len(binary))}, binary},
	}
	for _, file := range files {
		if err := writer.WriteHeader(&file.header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(file.content); err != nil {
			return nil, err
		}
	}
	return archive.Bytes(), writer.Close()
}

// Sweep removes the containers and networks whose owner is dead, and returns
// the runs they belonged to. What a living payquake owns, or anybody else, is
// not touched.
func Sweep(ctx context.Context) ([]string, error) {
	engine, err := newEngine()
	if err != nil {
		return nil, err
	}
	defer engine.Close()
	containers, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: client.Filters{}.Add("label", runLabel)})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	networks, err := engine.NetworkList(ctx, client.NetworkListOptions{Filters: client.Filters{}.Add("label", runLabel)})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	dead := map[string]bool{}
	for _, found := range containers.Items {
		dead[found.Labels[runLabel]] = ownerIsDead(found.Labels)
	}
	for _, found := range networks.Items {
		dead[found.Labels[runLabel]] = ownerIsDead(found.Labels)
	}
	var swept []string
	var errs []error
	for run, isDead := range dead {
		if isDead {
			errs = append(errs, removeRun(ctx, run))
			swept = append(swept, run)
		}
	}
	return swept, errors.Join(errs...)
}

// ownerIsDead reports whether the owner is surely gone. One that cannot be
// looked for, from here or at all, may live.
func ownerIsDead(labels map[string]string) bool {
	pid, err := strconv.Atoi(labels[pidLabel])
	switch {
	case err != nil || labels[startLabel] == "" || labels[bootLabel] == "" || bootID() == "":
		return false
	case labels[bootLabel] != bootID():
		return true // nothing outlives its machine's boot
	default:
		return labels[namespaceLabel] == pidNamespace() && labels[startLabel] != processStart(pid)
	}
}

// removeRun removes the containers and networks of one run.
func removeRun(ctx context.Context, run string) error {
	engine, err := newEngine()
	if err != nil {
		return err
	}
	defer engine.Close()
	mine := client.Filters{}.Add("label", runLabel+"="+run)
	containers, err := engine.ContainerList(ctx, client.ContainerListOptions{All: true, Filters: mine})
	if err != nil {
		return fmt.Errorf("list containers of %s: %w", run, err)
	}
	var errs []error
	for _, found := range containers.Items {
		_, err := engine.ContainerRemove(ctx, found.ID, client.ContainerRemoveOptions{Force: true, RemoveVolumes: true})
		errs = append(errs, err)
	}
	networks, err := engine.NetworkList(ctx, client.NetworkListOptions{Filters: mine})
	if err != nil {
		return errors.Join(append(errs, fmt.Errorf("list networks of %s: %w", run, err))...)
	}
	for _, found := range networks.Items {
		_, err := engine.NetworkRemove(ctx, found.ID, client.NetworkRemoveOptions{})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
