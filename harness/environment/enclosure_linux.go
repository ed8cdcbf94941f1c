package environment

import (
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/payquake/payquake/harness/roles"
)

// An enclosure is a mount namespace in which a merchant's process has a hosts file
// and a resolver of its own. There the real names of the providers lead to the
// gateway, on the port that TLS has, whatever the runtime thinks of proxies; every
// other name is refused and reported. It needs the right to mount and to listen
// on port 443; without it the proxy variables have to do.

// enclose puts a process into an enclosure, if that is allowed here. It returns
// the process as it was, with the reason, if not.
func enclose(p process, program, folder string, gateway *roles.Gateway, hosts []string) (process, error) {
	near, err := loopback()
	if err != nil {
		return p, err
	}
	if err := gateway.ListenNear(near); err != nil {
		return p, err
	}
	known, err := os.ReadFile("/etc/hosts")
	if err != nil {
		return p, fmt.Errorf("read the hosts file: %w", err)
	}
	enclosed := p
	enclosed.namespaces = syscall.CLONE_NEWNS
	if os.Geteuid() != 0 {
		enclosed.namespaces |= syscall.CLONE_NEWUSER
	}
	files := map[string]string{
		"hosts":       string(known) + "\n" + near + " " + strings.Join(hosts, " ") + "\n",
		"resolv.conf": "nameserver " + near + "\noptions timeout:1 attempts:1\n",
	}
	enclosed.command = []string{program, "role", "enclose"}
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return p, fmt.Errorf("enclose the merchant: %w", err)
		}
		enclosed.command = append(enclosed.command, "--over", path+":/etc/"+name)
	}
	enclosed.command = append(enclosed.command, "--")
	tried := enclosed
	tried.command = append(enclosed.command[:len(enclosed.command):len(enclosed.command)], program, "version")
	if err := tried.run(); err != nil {
		return p, fmt.Errorf("a namespace of its own is not allowed here: %w", err)
	}
	enclosed.command = append(enclosed.command, p.command...)
	return enclosed, nil
}

// loopback draws an address of this machine's own that hardly anybody else uses.
func loopback() (string, error) {
	var drawn [3]byte
	if _, err := rand.Read(drawn[:]); err != nil {
		return "", fmt.Errorf("draw an address: %w", err)
	}
	return fmt.Sprintf("127.%d.%d.%d", 64+drawn[0]%64, drawn[1], 1+drawn[2]%254), nil
}

// attributes are how the process is started.
func (p process) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true, Cloneflags: p.namespaces}
	if p.namespaces&syscall.CLONE_NEWUSER != 0 {
		attributes.UidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}}
		attributes.GidMappings = []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}}
		attributes.AmbientCaps = []uintptr{21} // CAP_SYS_ADMIN, to mount
	}
	return attributes
}

// Enclose mounts files over others in this process's own namespace and becomes
// another program. It returns only if that fails.
func Enclose(over []string, command []string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("enclose: make mounts private: %w", err)
	}
	for _, pair := range over {
		from, to, _ := strings.Cut(pair, ":")
		if resolved, err := filepath.EvalSymlinks(to); err == nil {
			to = resolved
		}
		if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
			return fmt.Errorf("enclose: mount over %s: %w", to, err)
		}
	}
	program, err := exec.LookPath(command[0])
	if err != nil {
		return fmt.Errorf("enclose: %w", err)
	}
	return fmt.Errorf("enclose: %s: %w", program, syscall.Exec(program, command, os.Environ()))
}
