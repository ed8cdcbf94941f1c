//go:build !linux

package environment

import (
	"errors"
	"syscall"

	"github.com/payquake/payquake/harness/roles"
)

var errNoEnclosure = errors.New("only Linux has mount namespaces")

func enclose(p process, _, _ string, _ *roles.Gateway, _ []string) (process, error) {
	return p, errNoEnclosure
}

func (p process) attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// Enclose is not possible here.
func Enclose([]string, []string) error { return errNoEnclosure }
