package cluster

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/containerd"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/network"
)

// The test's own binary stands in for etalon, as far as these tests need it: containerd and the registry.
func TestMain(m *testing.M) {
	if filepath.Base(os.Args[0]) != "etalon" {
		os.Exit(m.Run())
	}
	root := &cobra.Command{Use: "etalon"}
	root.AddCommand(PartCommands()...)
	if err := root.ExecuteContext(context.Background()); err != nil {
		os.Exit(1)
	}
}

// toolbox is a directory with this binary as etalon and the helpers that `make build` made.
func toolbox(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range helpers {
		from := filepath.Join("..", "..", "bin", name)
		if name == "etalon" {
			from = self
		}
		if err := copyFile(from, filepath.Join(dir, name)); err != nil {
			t.Skipf("needs the helpers of `make build`: %v", err)
		}
	}
	return dir
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// runtimes brings up the nodes' runtimes and the registry, without anything of Kubernetes.
func runtimes(t *testing.T, nodes int) *Cluster {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make nodes")
	}
	dir, err := os.MkdirTemp("", "etalon-")
	if err != nil {
		t.Fatal(err)
	}
	c := &Cluster{ID: uuid.NewString(), Name: fmt.Sprintf("rt-%d", os.Getpid()), Members: Members{Nodes: nodes}, DataDir: dir, Made: []string{dir},
		Programs: toolbox(t), Without: []string{"kubelet", "proxy", "controllers", "scheduler"}}
	c.Index = network.MaxClusters - 2
	if by, err := c.plan().InUse(); err != nil || by != "" {
		t.Skipf("needs addresses that are free here: %s %v", by, err)
	}
	t.Cleanup(func() {
		if err := c.remove(context.Background()); err != nil {
			t.Error(err)
		}
		if exists(dir) {
			left, _ := filepath.Glob(dir + "/*")
			t.Errorf("%s is left, with %v", dir, left)
		}
	})
	if err := c.plan().Up(); err != nil {
		t.Fatal(err)
	}
	if err := c.choosePorts(0); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{c.save, c.makeCredentials, c.storeImages, c.startControlPlane} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.allNodes() {
		if err := c.launch(t.Context(), n); err != nil {
			t.Fatal(err)
		}
	}
	for _, n := range c.allNodes() {
		waitForSandbox(t, c, n)
	}
	return c
}

func waitForSandbox(t *testing.T, c *Cluster, n node.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	err := until(ctx, func(ctx context.Context) error { return c.pullSandbox(ctx, n) }, c.nodeBroken(n, "containerd"))
	if err := failed("sandbox image", filepath.Join(n.Dir, "logs", "containerd.log"), err); err != nil {
		t.Fatal(err)
	}
}

// runtime is a client of one node's containerd.
type runtime struct {
	t *testing.T
	cri.RuntimeServiceClient
	images cri.ImageServiceClient
}

func connect(t *testing.T, n node.Node) runtime {
	t.Helper()
	h, err := n.Find()
	if err != nil || h == nil {
		t.Fatalf("%s does not run: %v", n.Name(), err)
	}
	defer h.Close()
	connection, err := grpc.NewClient(fmt.Sprintf("unix:///proc/%d/root%s", h.Pid, containerd.Socket), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	return runtime{t, cri.NewRuntimeServiceClient(connection), cri.NewImageServiceClient(connection)}
}

// run starts a pod of one container of the tool image and returns its address and the container.
func (r runtime) run(name string, args ...string) (address, container string) {
	r.t.Helper()
	ctx := r.t.Context()
	if _, err := r.images.PullImage(ctx, &cri.PullImageRequest{Image: &cri.ImageSpec{Image: images.Tool}}); err != nil {
		r.t.Fatal(err)
	}
	config := &cri.PodSandboxConfig{Metadata: &cri.PodSandboxMetadata{Name: name, Uid: uuid.NewString(), Namespace: "default"}, Hostname: name,
		LogDirectory: "/var/log/pods", Linux: &cri.LinuxPodSandboxConfig{CgroupParent: "/kubepods", SecurityContext: &cri.LinuxSandboxSecurityContext{}}}
	pod, err := r.RunPodSandbox(ctx, &cri.RunPodSandboxRequest{Config: config})
	if err != nil {
		r.t.Fatal(err)
	}
	created, err := r.CreateContainer(ctx, &cri.CreateContainerRequest{PodSandboxId: pod.PodSandboxId, SandboxConfig: config, Config: &cri.ContainerConfig{
		Metadata: &cri.ContainerMetadata{Name: "tool"}, Image: &cri.ImageSpec{Image: images.Tool}, Args: args, LogPath: name + ".log", Linux: &cri.LinuxContainerConfig{}}})
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := r.StartContainer(ctx, &cri.StartContainerRequest{ContainerId: created.ContainerId}); err != nil {
		r.t.Fatal(err)
	}
	status, err := r.PodSandboxStatus(ctx, &cri.PodSandboxStatusRequest{PodSandboxId: pod.PodSandboxId})
	if err != nil {
		r.t.Fatal(err)
	}
	return status.Status.Network.Ip, created.ContainerId
}

func (r runtime) exec(container string, command ...string) string {
	r.t.Helper()
	answer, err := r.ExecSync(r.t.Context(), &cri.ExecSyncRequest{ContainerId: container, Cmd: command, Timeout: 20})
	if err != nil {
		r.t.Fatal(err)
	}
	return fmt.Sprintf("%s%s", answer.Stdout, answer.Stderr)
}

// answers waits until the tool in a pod tells the machine its host name.
func answers(t *testing.T, address string) string {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if name := ask(address); name != "" {
			return name
		}
	}
	t.Fatalf("%s does not answer", address)
	return ""
}

// ask asks the tool in a pod for its host name, over a connection of its own; empty where it does not answer.
func ask(address string) string {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address + ":8080/hostname")
	if err != nil {
		return ""
	}
	defer answer.Body.Close()
	body, _ := io.ReadAll(answer.Body)
	return string(body)
}

func TestPodsReachEachOtherAcrossNodesAndTheMachineReachesThem(t *testing.T) {
	c := runtimes(t, 2)
	one, two := connect(t, c.node(1)), connect(t, c.node(2))
	address1, container1 := one.run("a")
	address2, container2 := two.run("b")
	if got := answers(t, address1) + answers(t, address2); got != "ab" {
		t.Errorf("the machine hears %q, want \"ab\"", got)
	}
	for _, c := range []struct{ got, want string }{
		{one.exec(container1, "/tool", "get", address2+":8080/clientip"), address1},
		{two.exec(container2, "/tool", "get", address1+":8080/clientip"), address2},
		{two.exec(container2, "/tool", "get", address2+":8080/hostname"), "b"},
	} {
		if strings.TrimSpace(c.got) != c.want {
			t.Errorf("a pod hears %q, want %q", c.got, c.want)
		}
	}
}

func TestContainersOutliveTheirRuntimeButNotTheirNode(t *testing.T) {
	c := runtimes(t, 1)
	n := c.node(1)
	r := connect(t, n)
	address, container := r.run("a")
	answers(t, address)

	h, err := n.Find()
	if err != nil {
		t.Fatal(err)
	}
	for _, child := range h.Children() {
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child.Pid))
		if strings.Contains(string(line), "containerd.toml") { // the others are shims, which the node has adopted
			if err := child.Signal(unix.SIGKILL); err != nil {
				t.Fatal(err)
			}
		}
		child.Close()
	}
	waitForSandbox(t, c, n)
	if got := answers(t, address); got != "a" {
		t.Errorf("after the runtime died the pod answers %q", got)
	}
	if got := strings.TrimSpace(connect(t, n).exec(container, "/tool", "hostname")); got != "a" {
		t.Errorf("the new runtime runs %q in the container, want \"a\"", got)
	}

	if err := h.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.Close()
	if err := c.launch(t.Context(), n); err != nil {
		t.Fatal(err)
	}
	waitForSandbox(t, c, n)
	list, err := connect(t, n).ListContainers(t.Context(), &cri.ListContainersRequest{})
	if err != nil || len(list.Containers) != 1 || list.Containers[0].State != cri.ContainerState_CONTAINER_EXITED {
		t.Errorf("after a power cut the runtime lists %v, %v; want the container as exited", list.GetContainers(), err)
	}
	if again, _ := connect(t, n).run("b"); answers(t, again) != "b" {
		t.Errorf("no new pod starts after a power cut")
	}
}
