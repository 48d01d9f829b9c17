package node

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/etalon-dev/etalon/reference/cluster/cgroup"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
)

// A node sees the machine's programs, read-only; everything that is written lies on its own disk.
var (
	shared = []string{"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc", "/nix", "/gnu"}
	own    = []struct {
		path string
		mode os.FileMode
	}{{"/var", 0o755}, {"/tmp", 0o777 | os.ModeSticky}}
)

// Manifests is where a file makes a static pod, in the node; from the machine it is below the node's own directory.
const Manifests = "/var/lib/kubelet/manifests"

func (n Node) root() string { return filepath.Join(n.Dir, "rootfs") }

// prepareDisk makes what the mounts of setup need; what an earlier life wrote stays.
func (n Node) prepareDisk() error {
	for _, dir := range []string{n.Dir, filepath.Join(n.Dir, "logs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(n.root(), 0o755); err != nil {
		return err
	}
	for _, o := range own {
		dir := filepath.Join(n.Dir, o.path)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.Chmod(dir, o.mode); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(n.Dir, Manifests), 0o700); err != nil {
		return err
	}
	if err := os.Symlink("/run", filepath.Join(n.Dir, "var", "run")); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	machineID := strings.ReplaceAll(n.ID, "-", "")
	if len(machineID) >= 32 {
		machineID = machineID[:30] + fmt.Sprintf("%02x", n.Number)
	}
	for name, text := range map[string]string{
		"hosts": hosts(n.Name(), n.Plan.Node(n.Number).Addr()), "hostname": n.Name() + "\n", "machine-id": machineID + "\n",
	} {
		if err := os.WriteFile(filepath.Join(n.Dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

func hosts(name string, address netip.Addr) string {
	return fmt.Sprintf("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n%s\t%s\n", address, name)
}

// setup lists how the supervisor furnishes the node's namespaces before it starts anything.
func (n Node) setup(groups *cgroup.Layout) ([]spec.Step, error) {
	root := n.root()
	in := func(path string) string { return filepath.Join(root, path) }
	mount := func(source, target, kind string, flags uintptr, data string) spec.Step {
		return spec.Step{Mount: &spec.Mount{Source: source, Target: target, Type: kind, Flags: flags, Data: data}}
	}
	const readOnly = syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY
	// Nothing that is mounted from here on reaches the machine, and nothing from the machine comes here.
	steps := []spec.Step{mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""), mount(root, root, "", syscall.MS_BIND, "")}
	for _, dir := range shared {
		info, err := os.Lstat(dir)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return nil, err
		case info.Mode()&os.ModeSymlink != 0:
			target, err := os.Readlink(dir)
			if err != nil {
				return nil, err
			}
			steps = append(steps, spec.Step{Symlink: &spec.Symlink{Target: target, Link: in(dir)}})
		default:
			steps = append(steps, mount(dir, in(dir), "", syscall.MS_BIND|syscall.MS_REC, ""), optional(mount("none", in(dir), "", readOnly, "")))
		}
	}
	steps = append(steps,
		mount("/dev", in("/dev"), "", syscall.MS_BIND|syscall.MS_REC, ""),
		optional(mount("tmpfs", in("/dev/shm"), "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=1777")),
		mount("proc", in("/proc"), "proc", 0, ""),
		mount("sysfs", in("/sys"), "sysfs", 0, ""),
		optional(mount("securityfs", in("/sys/kernel/security"), "securityfs", 0, "")),
		mount("tmpfs", in("/run"), "tmpfs", syscall.MS_NOSUID|syscall.MS_NODEV, "mode=755"),
		spec.Step{Mkdir: in("/root")},
	)
	for _, o := range own {
		steps = append(steps, mount(filepath.Join(n.Dir, o.path), in(o.path), "", syscall.MS_BIND, ""))
	}
	steps = append(steps, groups.Steps(root)...)
	for _, name := range []string{"hosts", "hostname", "machine-id"} {
		if _, err := os.Stat(filepath.Join("/etc", name)); err == nil {
			steps = append(steps, mount(filepath.Join(n.Dir, name), in("/etc/"+name), "", syscall.MS_BIND, ""))
		}
	}
	steps = append(steps, resolver(root)...)
	steps = append(steps, mount(n.Programs, in(n.Programs), "", syscall.MS_BIND, ""), mount(n.Dir, in(n.Dir), "", syscall.MS_BIND, ""))
	steps = append(steps, spec.Step{Pivot: root},
		// Pods may ask for mounts to propagate, within the node.
		mount("none", "/", "", syscall.MS_REC|syscall.MS_SHARED, ""))
	for _, knob := range []struct{ name, value string }{
		{"ip_forward", "1"},
		{"conf/all/route_localnet", "1"}, // node ports on 127.0.0.1
		// Redirects for hairpin traffic would use up the rate of ICMP errors, and REJECT come late.
		{"conf/all/send_redirects", "0"}, {"conf/default/send_redirects", "0"},
	} {
		steps = append(steps, spec.Step{Write: &spec.Write{File: "/proc/sys/net/ipv4/" + knob.name, Data: knob.value}})
	}
	return steps, nil
}

func optional(s spec.Step) spec.Step {
	s.Optional = true
	return s
}

// resolver makes /etc/resolv.conf readable in the node where it is a link to what a daemon keeps elsewhere.
func resolver(root string) []spec.Step {
	target, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil || strings.HasPrefix(target, "/etc/") || strings.HasPrefix(target, "/usr/") {
		return nil
	}
	text, err := os.ReadFile(target)
	if err != nil {
		return nil
	}
	return []spec.Step{{Write: &spec.Write{File: filepath.Join(root, target), Data: string(text)}}}
}
