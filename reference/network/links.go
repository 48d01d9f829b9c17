package network

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

func ensureBridge(inside *netlink.Handle) error {
	attributes := netlink.NewLinkAttrs()
	attributes.Name = bridge
	if err := inside.LinkAdd(&netlink.Bridge{LinkAttrs: attributes}); err != nil && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	link, err := inside.LinkByName(bridge)
	if err != nil {
		return err
	}
	return inside.LinkSetUp(link)
}

// ensureMachineLink makes the pair whose one end is the machine's interface and whose other is a port of the bridge.
func (p Plan) ensureMachineLink(inside *netlink.Handle, fabric netns.NsHandle) error {
	if _, err := netlink.LinkByName(p.Link()); err != nil {
		if !errors.As(err, &netlink.LinkNotFoundError{}) {
			return err
		}
		attributes := netlink.NewLinkAttrs()
		attributes.Name = p.Link()
		if err := netlink.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: machineEnd, PeerNamespace: netlink.NsFd(int(fabric))}); err != nil {
			return err
		}
	}
	if err := plug(inside, machineEnd); err != nil {
		return err
	}
	here, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer here.Close()
	return address(here, p.Link(), p.Machine())
}

// plug makes a link a port of the bridge.
func plug(inside *netlink.Handle, name string) error {
	port, err := inside.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	master, err := inside.LinkByName(bridge)
	if err != nil {
		return err
	}
	if err := inside.LinkSetMaster(port, master); err != nil {
		return err
	}
	return inside.LinkSetUp(port)
}

func address(h *netlink.Handle, name string, prefix netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := h.AddrAdd(link, &netlink.Addr{IPNet: ipNet(prefix)}); err != nil && !errors.Is(err, syscall.EEXIST) {
		return err
	}
	return h.LinkSetUp(link)
}

// Attach gives the network namespace of process pid the link, the address and the routes of node n,
// and the machine the route to that node's pods. Nodes are the numbers of all. What an earlier life of
// the node left is replaced.
func (p Plan) Attach(pid, n int, nodes []int) error {
	fabric, err := openFabric(p.Fabric())
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", p.Fabric(), err)
	}
	defer fabric.Close()
	inside, err := netlink.NewHandleAt(fabric)
	if err != nil {
		return err
	}
	defer inside.Close()
	node, err := netns.GetFromPid(pid)
	if err != nil {
		return err
	}
	defer node.Close()
	port := portOf(n)
	if stale, err := inside.LinkByName(port); err == nil {
		if err := inside.LinkDel(stale); err != nil && !errors.Is(err, syscall.ENODEV) {
			return err
		}
	}
	attributes := netlink.NewLinkAttrs()
	attributes.Name = port
	if err := inside.LinkAdd(&netlink.Veth{LinkAttrs: attributes, PeerName: "eth0", PeerNamespace: netlink.NsFd(int(node))}); err != nil {
		return fmt.Errorf("link of node %d: %w", n, err)
	}
	if err := plug(inside, port); err != nil {
		return err
	}
	h, err := netlink.NewHandleAt(node)
	if err != nil {
		return err
	}
	defer h.Close()
	if err := address(h, "lo", netip.MustParsePrefix("127.0.0.1/8")); err != nil {
		return err
	}
	if err := address(h, "eth0", p.Node(n)); err != nil {
		return err
	}
	if err := h.RouteReplace(&netlink.Route{Gw: p.Machine().Addr().AsSlice()}); err != nil {
		return fmt.Errorf("default route: %w", err)
	}
	if err := p.route(h, n, nodes); err != nil {
		return err
	}
	return p.RouteMachine(nodes)
}

// portOf is the bridge's end of a node's link.
func portOf(n int) string { return fmt.Sprintf("node-%d", n) }

// Unplug cuts node n from the cluster's network, as pulling its cable does: inside, its interface and its addresses stay.
// Until Plug, nothing goes through, and its next life has to be unplugged anew. A node that does not run is no error.
func (p Plan) Unplug(n int) error { return p.port(n, (*netlink.Handle).LinkSetDown) }

// Plug undoes Unplug.
func (p Plan) Plug(n int) error { return p.port(n, (*netlink.Handle).LinkSetUp) }

func (p Plan) port(n int, set func(*netlink.Handle, netlink.Link) error) error {
	fabric, err := openFabric(p.Fabric())
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", p.Fabric(), err)
	}
	defer fabric.Close()
	inside, err := netlink.NewHandleAt(fabric)
	if err != nil {
		return err
	}
	defer inside.Close()
	link, err := inside.LinkByName(portOf(n))
	if errors.As(err, &netlink.LinkNotFoundError{}) {
		return nil
	}
	if err != nil {
		return err
	}
	return set(inside, link)
}

// Route renews the routes to the other nodes' pods in the network namespace of process pid, which is node n.
func (p Plan) Route(pid, n int, nodes []int) error {
	node, err := netns.GetFromPid(pid)
	if errors.Is(err, os.ErrNotExist) {
		return nil // it has just died; its next life gets its routes from Attach
	}
	if err != nil {
		return err
	}
	defer node.Close()
	h, err := netlink.NewHandleAt(node)
	if err != nil {
		return err
	}
	defer h.Close()
	return p.route(h, n, nodes)
}

// RouteMachine makes the machine's routes to the pods of all nodes, and removes those to nodes that are gone.
func (p Plan) RouteMachine(nodes []int) error {
	here, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer here.Close()
	return p.route(here, 0, nodes)
}

// route makes the routes to the pods of nodes, except those of one, and no others.
func (p Plan) route(h *netlink.Handle, except int, nodes []int) error {
	wanted := map[string]bool{}
	for _, other := range nodes {
		if other == except {
			continue
		}
		to := &netlink.Route{Dst: ipNet(p.NodePods(other)), Gw: p.Node(other).Addr().AsSlice()}
		if err := h.RouteReplace(to); err != nil {
			return fmt.Errorf("route to the pods of node %d: %w", other, err)
		}
		wanted[to.Gw.String()] = true
	}
	routes, err := whole(func() ([]netlink.Route, error) { return h.RouteList(nil, unix.AF_INET) })
	if err != nil {
		return err
	}
	for _, r := range routes {
		by, ok := netip.AddrFromSlice(r.Gw.To4())
		if !ok || r.Dst == nil || wanted[r.Gw.String()] || !p.Network().Contains(by) || !overlaps(r.Dst, p.Pods()) {
			continue
		}
		if err := h.RouteDel(&r); err != nil && !errors.Is(err, syscall.ESRCH) {
			return fmt.Errorf("route to %s: %w", r.Dst, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
