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
// and the machine the route to that node's pods. Nodes is how many there are. What an earlier life of
// the node left is replaced.
func (p Plan) Attach(pid, n, nodes int) error {
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
	port := fmt.Sprintf("node-%d", n)
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

// Route renews the routes to the other nodes' pods in the network namespace of process pid, which is node n.
func (p Plan) Route(pid, n, nodes int) error {
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

// RouteMachine makes the machine's routes to the pods of all nodes.
func (p Plan) RouteMachine(nodes int) error {
	here, err := netlink.NewHandle()
	if err != nil {
		return err
	}
	defer here.Close()
	return p.route(here, 0, nodes)
}

func (p Plan) route(h *netlink.Handle, except, nodes int) error {
	for other := 1; other <= nodes; other++ {
		if other == except {
			continue
		}
		to := &netlink.Route{Dst: ipNet(p.NodePods(other)), Gw: p.Node(other).Addr().AsSlice()}
		if err := h.RouteReplace(to); err != nil {
			return fmt.Errorf("route to the pods of node %d: %w", other, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
