package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/etalon-dev/etalon/reference/proxy/plan"
)

// The lab is a small network in namespaces: this process is the node, its children are pods and
// a client outside, all of them this test binary in another role.
type lab struct {
	node, outside *host
	pods          []*host
}

// host is a namespace with a process in it that dials on command and answers with its name.
type host struct {
	name    string
	ip      netip.Addr
	control *http.Client // nil: this process
}

const (
	roleVariable = "ETALON_PROXY_TEST_ROLE"
	httpPort     = 8080
	udpPort      = 8053
)

func TestMain(m *testing.M) {
	if name, ok := strings.CutPrefix(os.Getenv(roleVariable), "host:"); ok {
		serveHost(name)
		return
	}
	os.Exit(m.Run())
}

// inOwnNamespaces runs the test again in a child with its own network and mounts. It is true in
// the child, where the test is to go on.
func inOwnNamespaces(t *testing.T) bool {
	if os.Getenv(roleVariable) == "node" {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	if _, err := exec.LookPath("iptables"); err != nil {
		t.Skip("needs iptables")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), roleVariable+"=node")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	t.Logf("in namespaces of its own:\n%s", out)
	if err != nil {
		t.Fatal(err)
	}
	return false
}

func newLab(t *testing.T) *lab {
	must(t, netlink.LinkSetUp(link(t, "lo")))
	must(t, os.WriteFile("/proc/sys/net/ipv4/ip_forward", []byte("1"), 0o644))
	must(t, os.WriteFile("/proc/sys/net/ipv4/conf/all/route_localnet", []byte("1"), 0o644))
	// The kernel answers one host with few ICMP errors per second, and counts the redirects that a
	// hairpin causes among them. Here every refusal is to be seen at once.
	must(t, os.WriteFile("/proc/sys/net/ipv4/icmp_ratelimit", []byte("0"), 0o644))
	l := &lab{node: &host{name: "node"}}
	// Services are routed like any unknown address: towards the outside.
	l.outside = newHost(t, "outside", "192.0.2.2", "192.0.2.1/24")
	_, everywhere, _ := net.ParseCIDR("0.0.0.0/0")
	must(t, netlink.RouteAdd(&netlink.Route{Dst: everywhere, Gw: net.ParseIP("192.0.2.2")}))
	for i, name := range []string{"pod-1", "pod-2"} {
		l.pods = append(l.pods, newHost(t, name, fmt.Sprintf("10.244.1.%d", 11+i), "10.244.1.1/32"))
	}
	return l
}

// newHost starts a process in a namespace of its own, joined to the node point to point as the
// CNI plugin ptp does it.
func newHost(t *testing.T, name, ip, gateway string) *host {
	socket := filepath.Join(t.TempDir(), name)
	cmd := exec.Command("/proc/self/exe", socket)
	cmd.Env = append(os.Environ(), roleVariable+"=host:"+name)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })

	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	must(t, netlink.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0"}))
	must(t, netlink.LinkSetNsPid(link(t, "eth0"), cmd.Process.Pid))
	gw, err := netlink.ParseAddr(gateway)
	must(t, err)
	near := link(t, name)
	must(t, netlink.AddrAdd(near, &netlink.Addr{IPNet: gw.IPNet}))
	must(t, netlink.LinkSetUp(near))
	if ones, _ := gw.Mask.Size(); ones == 32 {
		must(t, netlink.RouteAdd(&netlink.Route{LinkIndex: near.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: single(ip)}))
	}

	ns, err := netns.GetFromPid(cmd.Process.Pid)
	must(t, err)
	defer ns.Close()
	h, err := netlink.NewHandleAt(ns)
	must(t, err)
	defer h.Close()
	for _, l := range []string{"lo", "eth0"} {
		far, err := h.LinkByName(l)
		must(t, err)
		must(t, h.LinkSetUp(far))
		if l == "lo" {
			continue
		}
		must(t, h.AddrAdd(far, &netlink.Addr{IPNet: single(ip)}))
		must(t, h.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Scope: netlink.SCOPE_LINK, Dst: single(gw.IP.String())}))
		_, everywhere, _ := net.ParseCIDR("0.0.0.0/0")
		must(t, h.RouteAdd(&netlink.Route{LinkIndex: far.Attrs().Index, Gw: gw.IP, Dst: everywhere}))
	}
	_, err = io.WriteString(in, "go\n")
	must(t, err)
	_, err = bufio.NewReader(out).ReadString('\n')
	must(t, err)
	return &host{name: name, ip: netip.MustParseAddr(ip), control: &http.Client{Transport: &http.Transport{
		Dial: func(string, string) (net.Conn, error) { return net.Dial("unix", socket) },
	}}}
}

func (h *host) http() plan.Endpoint { return plan.Endpoint{Addr: netip.AddrPortFrom(h.ip, httpPort)} }
func (h *host) udp() plan.Endpoint  { return plan.Endpoint{Addr: netip.AddrPortFrom(h.ip, udpPort)} }

// dial asks whoever answers at an address for its name, from this host; or tells the error.
func (h *host) dial(t *testing.T, network, at string) string {
	t.Helper()
	if h.control == nil {
		return dial(network, at)
	}
	return h.ask(t, "/dial?"+url.Values{"network": {network}, "at": {at}}.Encode())
}

// lastClient is the address from which the host was last asked.
func (h *host) lastClient(t *testing.T) string { return h.ask(t, "/client") }

func (h *host) ask(t *testing.T, path string) string {
	t.Helper()
	resp, err := h.control.Get("http://" + h.name + path)
	must(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(body)
}

// serveHost is the life of a host's process: once told that its network is up, it answers.
func serveHost(name string) {
	if _, err := bufio.NewReader(os.Stdin).ReadString('\n'); err != nil {
		return
	}
	var last atomic.Value
	go func() {
		fail(http.ListenAndServe(fmt.Sprintf(":%d", httpPort), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			client, _, _ := net.SplitHostPort(r.RemoteAddr)
			last.Store(client)
			_, _ = io.WriteString(w, name)
		})))
	}()
	udp, err := net.ListenPacket("udp4", fmt.Sprintf(":%d", udpPort))
	fail(err)
	go func() {
		for buf := make([]byte, 64); ; {
			_, from, err := udp.ReadFrom(buf)
			fail(err)
			_, err = udp.WriteTo([]byte(name), from)
			fail(err)
		}
	}()
	mux := http.NewServeMux()
	mux.HandleFunc("/dial", func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, dial(r.FormValue("network"), r.FormValue("at")))
	})
	mux.HandleFunc("/client", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, last.Load().(string)) })
	control, err := net.Listen("unix", os.Args[1])
	fail(err)
	fmt.Println("ready")
	fail(http.Serve(control, mux))
}

// dial connects anew each time. Network "udp:N" sends from port N.
func dial(network, at string) string {
	d := net.Dialer{Timeout: patience}
	network, from, _ := strings.Cut(network, ":")
	if from != "" {
		addr, err := net.ResolveUDPAddr("udp4", ":"+from)
		if err != nil {
			return err.Error()
		}
		d.LocalAddr = addr
	}
	conn, err := d.Dial(network, at)
	if err != nil {
		return err.Error()
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	if network == "udp" {
		if _, err := conn.Write([]byte("?")); err != nil {
			return err.Error()
		}
		buf := make([]byte, 64)
		n, err := conn.Read(buf)
		if err != nil {
			return err.Error()
		}
		return string(buf[:n])
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.0\r\n\r\n"); err != nil {
		return err.Error()
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return err.Error()
	}
	_, body, _ := strings.Cut(string(answer), "\r\n\r\n")
	return body
}

func single(ip string) *net.IPNet {
	return &net.IPNet{IP: net.ParseIP(ip).To4(), Mask: net.CIDRMask(32, 32)}
}

func link(t *testing.T, name string) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName(name)
	must(t, err)
	return l
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
