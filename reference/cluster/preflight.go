package cluster

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/etalon-dev/etalon/reference/network"
)

// Helpers must lie beside etalon itself.
var helpers = []string{"etalon", "etalon-init", "containerd-shim-runc-v2", "runc", "ptp", "host-local", "portmap", "pause", "tool", "csi"}

// leastSpace is what a cluster needs of its disk to begin with.
const leastSpace = 200 << 20

// lastPort is below those that the kernel gives to clients, and that nodes give to Services.
const lastPort = 29999

// checkMachine returns, in one line, what this machine lacks.
func checkMachine(programs string, needsProxy bool) error {
	if os.Geteuid() != 0 {
		return errors.New("a cluster needs root: its nodes are namespaces of this machine (try sudo)")
	}
	var missing []string
	for _, h := range helpers {
		if info, err := os.Stat(filepath.Join(programs, h)); err != nil || info.Mode()&0o111 == 0 {
			missing = append(missing, h)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("no %s in %s; `make build` puts them there", strings.Join(missing, ", "), programs)
	}
	if _, err := exec.LookPath("iptables"); err != nil && needsProxy && !exists("/usr/sbin/iptables") && !exists("/sbin/iptables") {
		return errors.New("no iptables on this machine, which the proxy of each node needs; `make deps` installs it")
	}
	return nil
}

// checkSpace returns, in one line, why a directory cannot hold a cluster.
func checkSpace(dir string) error {
	probe := filepath.Join(dir, ".probe")
	err := os.WriteFile(probe, make([]byte, 4096), 0o600)
	_ = os.Remove(probe)
	if err != nil {
		return fmt.Errorf("data directory %s: %w", dir, plain(err))
	}
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("data directory %s: %w", dir, err)
	}
	if free := fs.Bavail * uint64(fs.Bsize); free < leastSpace {
		return fmt.Errorf("data directory %s has %d MiB of free space; a cluster needs %d", dir, free>>20, leastSpace>>20)
	}
	return nil
}

// choosePort returns the port to use: the wanted one if it is free on every host, or, where none is
// wanted, the first free one of start, start+12, start+24…, so that clusters with neighbouring starts
// that come up at the same time do not meet.
func choosePort(wanted, start int, hosts ...string) (int, error) {
	if wanted > 0 {
		if host, err := listens(wanted, hosts); err != nil {
			return 0, fmt.Errorf("port %d on %s: %w", wanted, host, err)
		}
		return wanted, nil
	}
	for port := start; port <= lastPort; port += network.MaxClusters {
		if _, err := listens(port, hosts); err == nil {
			return port, nil
		}
	}
	return 0, fmt.Errorf("no free port from %d on %s", start, strings.Join(hosts, ", "))
}

func listens(port int, hosts []string) (string, error) {
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		if err != nil {
			var call *os.SyscallError
			if errors.As(err, &call) {
				err = call.Err
			}
			return host, err
		}
		l.Close()
	}
	return "", nil
}
