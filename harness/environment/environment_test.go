package environment

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
)

// TestMain lets this binary play the roles that these tests need as processes
// of their own: a watchdog, as the payquake binary does, and the owner of one.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "role" && os.Args[2] == "watchdog" {
		if err := Watch(context.Background(), os.Stdin); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if len(os.Args) == 3 && os.Args[1] == "owner" {
		own(os.Args[2])
	}
	os.Exit(m.Run())
}

// own starts a watchdog over a folder and a child, says the child's number,
// and never ends by itself.
func own(folder string) {
	dog, err := startWatchdog(os.Args[0])
	if err != nil {
		panic(err)
	}
	child := exec.Command("sleep", "1000")
	child.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := errors.Join(child.Start(), dog.guardFolder(folder), dog.guardProcess(child.Process.Pid)); err != nil {
		panic(err)
	}
	fmt.Println(child.Process.Pid)
	select {}
}

// sleeper is a process group of two that sleeps until killed.
func sleeper(t *testing.T) *exec.Cmd {
	t.Helper()
	command := exec.Command("sh", "-c", "sleep 1000 & sleep 1000")
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	require.NoError(t, command.Start())
	t.Cleanup(func() {
		_ = syscall.Kill(-command.Process.Pid, syscall.SIGKILL)
		_ = command.Wait()
	})
	return command
}

// groupLives reports whether any process of the group is left. (Its leader may
// be dead and not yet waited for.)
func groupLives(t *testing.T, leader int) bool {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // gone meanwhile
		}
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 2 && fields[2] == strconv.Itoa(leader) && fields[0] != "Z" {
			return true
		}
	}
	return false
}

func watch(t *testing.T, lines ...string) error {
	t.Helper()
	return Watch(t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"))
}

func guard(pid int) string { return fmt.Sprintf("process\t%d\t%s", pid, processStart(pid)) }

const patience, pause = 10 * time.Second, 5 * time.Millisecond

// TestWatch_CleansUp: when the owner's end of the pipe is gone, the guarded
// process group is killed as a whole and the guarded folders are removed.
func TestWatch_CleansUp(t *testing.T) {
	victim := sleeper(t)
	folder := filepath.Join(t.TempDir(), "payquake-merchant-1")
	require.NoError(t, os.MkdirAll(filepath.Join(folder, "deep"), 0o755))
	require.NoError(t, watch(t, "folder\t"+folder, guard(victim.Process.Pid)))
	require.NoDirExists(t, folder)
	require.Eventually(t, func() bool { return !groupLives(t, victim.Process.Pid) }, patience, pause)
}

// TestWatch_Dismissed: after "done" nothing is touched, whatever was guarded.
func TestWatch_Dismissed(t *testing.T) {
	spared := sleeper(t)
	folder := filepath.Join(t.TempDir(), "payquake-merchant-1")
	require.NoError(t, os.Mkdir(folder, 0o755))
	require.NoError(t, watch(t, guard(spared.Process.Pid), "folder\t"+folder, "done"))
	require.DirExists(t, folder)
	require.True(t, groupLives(t, spared.Process.Pid))
}

// TestWatch_OnlyOurs: a folder that does not bear our name stays, and so does a
// process that only has the number of the guarded one.
func TestWatch_OnlyOurs(t *testing.T) {
	other := sleeper(t)
	home := filepath.Join(t.TempDir(), "home")
	require.NoError(t, os.Mkdir(home, 0o755))
	require.NoError(t, watch(t, "folder\t"+home, "folder\t", "folder\t/", fmt.Sprintf("process\t%d\t%s", other.Process.Pid, "17"),
		fmt.Sprintf("process\t%d\t", other.Process.Pid), "process\tnonsense\t17", "process\t-1\t", "gossip", ""))
	require.DirExists(t, home)
	require.True(t, groupLives(t, other.Process.Pid))
}

// TestWatchdog_SurvivesItsOwner: the owner is killed without a word, and what
// it had is cleaned up all the same.
func TestWatchdog_SurvivesItsOwner(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "payquake-merchant-1")
	require.NoError(t, os.Mkdir(folder, 0o755))
	owner := exec.Command(os.Args[0], "owner", folder)
	owner.Stderr = os.Stderr
	says, err := owner.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, owner.Start())
	var child int
	_, err = fmt.Fscan(says, &child)
	require.NoError(t, err)
	require.NotEmpty(t, processStart(child))

	require.NoError(t, owner.Process.Kill())
	_ = owner.Wait() // how a killed process ended is no news
	require.Eventually(t, func() bool {
		_, err := os.Stat(folder)
		return errors.Is(err, os.ErrNotExist) && !groupLives(t, child)
	}, patience, pause)
}

// TestWatchdog_Dismiss: a dismissed watchdog ends, and touches nothing.
func TestWatchdog_Dismiss(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "payquake-merchant-1")
	require.NoError(t, os.Mkdir(folder, 0o755))
	dog, err := startWatchdog(os.Args[0])
	require.NoError(t, err)
	require.NoError(t, dog.guardFolder(folder))
	require.NoError(t, dog.dismiss())
	require.DirExists(t, folder)
	_, err = startWatchdog(filepath.Join(folder, "no-such-program"))
	require.ErrorContains(t, err, "start watchdog")
}

// TestProcessStart names a process for good, whatever it calls itself.
func TestProcessStart(t *testing.T) {
	require.Regexp(t, `^[0-9]+$`, processStart(os.Getpid()))
	require.Equal(t, processStart(os.Getpid()), processStart(os.Getpid()))

	plain := sleeper(t)
	sleep, err := exec.LookPath("sleep")
	require.NoError(t, err)
	binary, err := os.ReadFile(sleep)
	require.NoError(t, err)
	odd := filepath.Join(t.TempDir(), "a) 1 2 b")
	require.NoError(t, os.WriteFile(odd, binary, 0o755))
	strange := exec.Command(odd, "1000")
	require.NoError(t, strange.Start())
	began, err := strconv.ParseInt(processStart(strange.Process.Pid), 10, 64)
	require.NoError(t, err)
	before, err := strconv.ParseInt(processStart(plain.Process.Pid), 10, 64)
	require.NoError(t, err)
	require.GreaterOrEqual(t, began, before, "it began after the other")

	require.NoError(t, strange.Process.Kill())
	_ = strange.Wait()
	require.Empty(t, processStart(strange.Process.Pid), "it is gone")
}

// TestOwnerIsDead: what a process owns is given up only when the process is
// surely gone: not merely invisible from here.
func TestOwnerIsDead(t *testing.T) {
	gone := exec.Command("sleep", "1000")
	require.NoError(t, gone.Start())
	mine := ownLabels("run-1")
	dead := maps.Clone(mine)
	dead[pidLabel], dead[startLabel] = strconv.Itoa(gone.Process.Pid), processStart(gone.Process.Pid)
	require.False(t, ownerIsDead(dead), "it still lives")
	require.NoError(t, gone.Process.Kill())
	_ = gone.Wait()

	with := func(labels map[string]string, name, value string) map[string]string {
		changed := maps.Clone(labels)
		changed[name] = value
		return changed
	}
	for name, c := range map[string]struct {
		labels map[string]string
		dead   bool
	}{
		"this very process":                        {mine, false},
		"a process that ended":                     {dead, true},
		"another process under the same number":    {with(mine, startLabel, "17"), true},
		"a process before the machine's last boot": {with(mine, bootLabel, "another"), true},
		"a process of another container":           {with(dead, namespaceLabel, "pid:[1]"), false},
		"nobody knows when it began":               {with(dead, startLabel, ""), false},
		"nobody knows on which boot":               {with(dead, bootLabel, ""), false},
		"no number":                                {with(dead, pidLabel, "x"), false},
		"somebody else's labels":                   {map[string]string{runLabel: "theirs"}, false},
	} {
		require.Equal(t, c.dead, ownerIsDead(c.labels), name)
	}
	require.Equal(t, "run-1", mine[runLabel])
}

// TestImageContext: the image needs nothing but what is in the archive: the
// program, and a folder to write to. No registry is asked.
func TestImageContext(t *testing.T) {
	archive, err := imageContext([]byte("the program"))
	require.NoError(t, err)
	files, modes := map[string]string{}, map[string]int64{}
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		text, err := io.ReadAll(reader)
		require.NoError(t, err)
		files[header.Name], modes[header.Name] = string(text), header.Mode
	}
	require.Equal(t, map[string]string{"Dockerfile": dockerfile, "data/": "", "payquake": "the program"}, files)
	require.Equal(t, int64(0o755), modes["payquake"])
	require.True(t, strings.HasPrefix(dockerfile, "FROM scratch\n"))
	require.NotContains(t, dockerfile, "syntax=", "that would pull a frontend")
}

// TestCheckStandalone: a binary that needs a loader, or is none for Linux, is
// refused with the remedy before any container starts.
func TestCheckStandalone(t *testing.T) {
	require.NoError(t, checkStandalone(elfOf(elf.PT_LOAD)))
	require.ErrorContains(t, checkStandalone(elfOf(elf.PT_INTERP)), "linked dynamically")
	require.ErrorIs(t, checkStandalone(elfOf(elf.PT_INTERP)), ErrNotStandalone)
	require.ErrorIs(t, checkStandalone([]byte("\xcf\xfa\xed\xfe, from a Mac")), ErrNotStandalone)
}

// elfOf is the smallest ELF file with one segment.
func elfOf(segment elf.ProgType) []byte {
	header := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(elf.EM_X86_64), Version: uint32(elf.EV_CURRENT),
		Phoff: 64, Ehsize: 64, Phentsize: 56, Phnum: 1, Shentsize: 64}
	copy(header.Ident[:], elf.ELFMAG)
	header.Ident[elf.EI_CLASS], header.Ident[elf.EI_DATA], header.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)
	var out bytes.Buffer
	for _, part := range []any{header, elf.Prog64{Type: uint32(segment)}} {
		_ = binary.Write(&out, binary.LittleEndian, part) // a buffer takes everything
	}
	return out.Bytes()
}

// TestOpen_UnknownName: an environment that does not exist starts nothing.
func TestOpen_UnknownName(t *testing.T) {
	_, err := Open(t.Context(), "cloud", Topology{}, func(string) {})
	require.ErrorContains(t, err, `environment "cloud" is none of auto, docker, local`)
}

// TestOpen_NoEngine: asked for docker without an engine, nothing comes up; who
// left it open is told why it is local.
func TestOpen_NoEngine(t *testing.T) {
	t.Setenv("DOCKER_HOST", "unix://"+filepath.Join(t.TempDir(), "no.sock"))
	require.ErrorIs(t, EngineAnswers(t.Context()), ErrNoEngine)
	_, err := Open(t.Context(), "docker", Topology{}, func(string) {})
	require.ErrorIs(t, err, ErrNotUp)
	require.ErrorIs(t, err, ErrNoEngine)
	var told []string
	_, err = Open(t.Context(), "auto", Topology{Program: "/no/such/program"}, func(text string) { told = append(told, text) })
	require.ErrorIs(t, err, ErrNotUp, "and the local environment needs the program")
	require.Len(t, told, 1)
	require.Contains(t, told[0], "running in the local environment")
}

// engine is the machine's Docker engine, for tests that need a real one.
func engine(t *testing.T) *client.Client {
	t.Helper()
	if err := EngineAnswers(t.Context()); err != nil {
		if os.Getenv("PAYQUAKE_REQUIRE_TOOLS") == "1" {
			t.Fatalf("PAYQUAKE_REQUIRE_TOOLS is set: %v", err)
		}
		t.Skipf("not tested: %v", err)
	}
	answering, err := newEngine()
	require.NoError(t, err)
	t.Cleanup(func() { _ = answering.Close() })
	return answering
}

// program is the payquake binary: PAYQUAKE_PROGRAM, or built here.
func program(t *testing.T) string {
	t.Helper()
	if built := os.Getenv("PAYQUAKE_PROGRAM"); built != "" {
		return built
	}
	built := filepath.Join(t.TempDir(), "payquake")
	command := exec.Command("go", "build", "-o", built, "github.com/payquake/payquake/cmd/payquake")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := command.CombinedOutput()
	require.NoError(t, err, string(out))
	return built
}

// TestSweep, against a real engine: what a dead owner left is removed, and
// what a living one has is not.
func TestSweep(t *testing.T) {
	docker := engine(t)
	provider, err := testcontainers.NewDockerProvider()
	require.NoError(t, err)
	defer provider.Close()
	image, err := buildImage(t.Context(), provider, program(t), func(string) {})
	require.NoError(t, err)

	living := ownLabels(fmt.Sprintf("sweep-living-%d", os.Getpid()))
	dead := ownLabels(fmt.Sprintf("sweep-dead-%d", os.Getpid()))
	dead[startLabel] = "1" // this process's number, but not this process
	for _, labels := range []map[string]string{living, dead} {
		run := labels[runLabel]
		t.Cleanup(func() { _ = removeRun(context.Background(), run) })
		create(t, docker, image, labels)
		containers, networks := belongings(t, docker, run)
		require.Equal(t, []int{1, 1}, []int{containers, networks})
	}
	swept, err := Sweep(t.Context())
	require.NoError(t, err)
	require.Contains(t, swept, dead[runLabel])
	require.NotContains(t, swept, living[runLabel])

	containers, networks := belongings(t, docker, dead[runLabel])
	require.Equal(t, []int{0, 0}, []int{containers, networks}, "the dead owner's")
	containers, networks = belongings(t, docker, living[runLabel])
	require.Equal(t, []int{1, 1}, []int{containers, networks}, "the living owner's")

	require.NoError(t, Watch(t.Context(), strings.NewReader("run\t"+living[runLabel]+"\n")), "a watchdog removes what its owner had")
	containers, networks = belongings(t, docker, living[runLabel])
	require.Equal(t, []int{0, 0}, []int{containers, networks})
}

// create makes a network and a container that carry the labels; the container
// need not run.
func create(t *testing.T, docker *client.Client, image string, labels map[string]string) {
	t.Helper()
	_, err := docker.NetworkCreate(t.Context(), labels[runLabel], client.NetworkCreateOptions{Labels: labels, Internal: true})
	require.NoError(t, err)
	_, err = docker.ContainerCreate(t.Context(), client.ContainerCreateOptions{Config: &container.Config{Image: image, Labels: labels}})
	require.NoError(t, err)
}

// belongings counts what the engine has of a run.
func belongings(t *testing.T, docker *client.Client, run string) (containers, networks int) {
	t.Helper()
	mine := client.Filters{}.Add("label", runLabel+"="+run)
	found, err := docker.ContainerList(t.Context(), client.ContainerListOptions{All: true, Filters: mine})
	require.NoError(t, err)
	linked, err := docker.NetworkList(t.Context(), client.NetworkListOptions{Filters: mine})
	require.NoError(t, err)
	return len(found.Items), len(linked.Items)
}
