package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const (
	netnsDir   = "/run/netns"
	bridge     = "nodes"
	machineEnd = "machine"
)

// Up makes the fabric and the machine's link to it, as far as they are missing. It needs root.
func (p Plan) Up() error {
	fabric, err := openFabric(p.Fabric())
	if errors.Is(err, os.ErrNotExist) {
		fabric, err = createFabric(p.Fabric())
	}
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", p.Fabric(), err)
	}
	defer fabric.Close()
	inside, err := netlink.NewHandleAt(fabric)
	if err != nil {
		return err
	}
	defer inside.Close()
	if err := ensureBridge(inside); err != nil {
		return fmt.Errorf("bridge: %w", err)
	}
	if err := p.ensureMachineLink(inside, fabric); err != nil {
		return fmt.Errorf("link %s: %w", p.Link(), err)
	}
	return nil
}

// Down removes the machine's link and the fabric; what is gone already is no error.
func (p Plan) Down() error {
	fabric, err := openFabric(p.Fabric())
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		defer fabric.Close()
		err = emptyFabric(fabric)
	}
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", p.Fabric(), err)
	}
	return dropFabric(p.Fabric())
}

// Exists reports whether the fabric is there.
func (p Plan) Exists() bool {
	fabric, err := openFabric(p.Fabric())
	if err != nil {
		return false
	}
	fabric.Close()
	return true
}

// InUse says who stands in the way of the plan's addresses on this machine: an interface of the same
// name, or an address or a route in one of its networks. Empty when they are free. What is the plan's
// own does not count, if its fabric exists.
func (p Plan) InUse() (string, error) {
	links, err := whole(netlink.LinkList)
	if err != nil {
		return "", err
	}
	own := p.Exists()
	for _, l := range links {
		name := l.Attrs().Name
		if name == p.Link() {
			if own {
				continue
			}
			return "interface " + name, nil
		}
		addresses, err := whole(func() ([]netlink.Addr, error) { return netlink.AddrList(l, unix.AF_INET) })
		if err != nil {
			return "", err
		}
		for _, a := range addresses {
			if overlaps(a.IPNet, p.Network(), p.Pods()) {
				return fmt.Sprintf("%s on interface %s", a.IPNet, name), nil
			}
		}
		routes, err := whole(func() ([]netlink.Route, error) { return netlink.RouteList(l, unix.AF_INET) })
		if err != nil {
			return "", err
		}
		for _, r := range routes {
			if r.Dst != nil && overlaps(r.Dst, p.Network(), p.Pods()) {
				return fmt.Sprintf("a route to %s by interface %s", r.Dst, name), nil
			}
		}
	}
	return "", nil
}

// overlaps reports whether n meets one of the networks. A very wide n does not count: what is routed
// more narrowly goes before it.
func overlaps(n *net.IPNet, with ...netip.Prefix) bool {
	const wide = 12
	address, ok := netip.AddrFromSlice(n.IP.To4())
	ones, _ := n.Mask.Size()
	if !ok || ones < wide {
		return false
	}
	prefix := netip.PrefixFrom(address, ones)
	for _, w := range with {
		if prefix.Overlaps(w) {
			return true
		}
	}
	return false
}

func openFabric(name string) (netns.NsHandle, error) {
	handle, err := netns.GetFromPath(filepath.Join(netnsDir, name))
	if err != nil {
		return handle, err
	}
	// A power cut between making the file and mounting the namespace on it leaves a plain file.
	var fs unix.Statfs_t
	if err := unix.Fstatfs(int(handle), &fs); err != nil || fs.Type != unix.NSFS_MAGIC {
		handle.Close()
		return netns.None(), errors.Join(os.Remove(filepath.Join(netnsDir, name)), os.ErrNotExist)
	}
	return handle, nil
}

// createFabric makes a named network namespace on a thread of its own, which ends with the goroutine
// if it cannot be brought back.
func createFabric(name string) (netns.NsHandle, error) {
	type result struct {
		handle netns.NsHandle
		err    error
	}
	done := make(chan result)
	go func() {
		runtime.LockOSThread()
		before, err := netns.Get()
		if err != nil {
			done <- result{netns.None(), err}
			return
		}
		defer before.Close()
		handle, err := netns.NewNamed(name)
		if netns.Set(before) == nil {
			runtime.UnlockOSThread()
		}
		done <- result{handle, err}
	}()
	r := <-done
	return r.handle, r.err
}

// emptyFabric removes the links, as the namespace itself may be kept alive a while by others who hold it.
func emptyFabric(fabric netns.NsHandle) error {
	inside, err := netlink.NewHandleAt(fabric)
	if err != nil {
		return err
	}
	defer inside.Close()
	links, err := whole(inside.LinkList)
	if err != nil {
		return err
	}
	for _, l := range links {
		if l.Attrs().Flags&net.FlagLoopback != 0 || l.Type() != "veth" && l.Type() != "bridge" {
			continue
		}
		if err := inside.LinkDel(l); err != nil && !errors.Is(err, syscall.ENODEV) {
			return fmt.Errorf("link %s: %w", l.Attrs().Name, err)
		}
	}
	return nil
}

func dropFabric(name string) error {
	path := filepath.Join(netnsDir, name)
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("unmount %s: %w", path, err)
	}
	return os.Remove(path)
}
