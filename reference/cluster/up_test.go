package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/init/spec"
	"github.com/etalon-dev/etalon/reference/cluster/node"
	"github.com/etalon-dev/etalon/reference/cluster/process"
)

// wanted describes a cluster for one test, made of the programs of `make build`.
func wanted(t *testing.T, name string, nodes int) Options {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to make nodes")
	}
	programs, err := filepath.Abs("../../bin")
	if err != nil {
		t.Fatal(err)
	}
	if err := checkMachine(programs, true); err != nil {
		t.Skip("needs a machine that can have a cluster: " + err.Error())
	}
	dir, err := os.MkdirTemp("", "etalon-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return Options{Name: fmt.Sprintf("%s-%d", name, os.Getpid()), Nodes: nodes, DataDir: filepath.Join(dir, "data"), Programs: programs}
}

// bringUp is Up for the duration of the test.
func bringUp(t *testing.T, o Options) (*Cluster, *kubernetes.Clientset) {
	t.Helper()
	c, err := Up(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			tellLogs(t, c)
		}
		if err := Down(context.Background(), o.Name); err != nil && !errors.Is(err, ErrNoCluster) {
			t.Error(err)
		}
	})
	client, err := c.client()
	if err != nil {
		t.Fatal(err)
	}
	return c, client
}

// tellLogs prints how the log of each component ends.
func tellLogs(t *testing.T, c *Cluster) {
	files, err := filepath.Glob(c.path("logs", "*.log"))
	if err != nil {
		t.Error(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		t.Logf("the end of %s:\n%s", filepath.Base(file), strings.Join(lines[max(0, len(lines)-20):], "\n"))
	}
}

// web creates a Deployment that answers under the label app=web.
func web(t *testing.T, client kubernetes.Interface, replicas int32) {
	t.Helper()
	labels := map[string]string{"app": "web"}
	_, err := client.AppsV1().Deployments("default").Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{Replicas: ptr.To(replicas), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "web", Image: images.Tool}}}}},
	}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// waitForWeb waits until so many pods are Ready and answer the machine under their own names.
func waitForWeb(t *testing.T, client kubernetes.Interface, replicas int) {
	t.Helper()
	var last string
	for deadline := time.Now().Add(2 * time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		pods, err := client.CoreV1().Pods("default").List(t.Context(), metav1.ListOptions{LabelSelector: "app=web"})
		if err != nil {
			last = err.Error()
			continue
		}
		ready := 0
		last = ""
		for _, p := range pods.Items {
			last += fmt.Sprintf("%s on %s: %s; ", p.Name, p.Spec.NodeName, p.Status.Phase)
			for _, condition := range p.Status.Conditions {
				if condition.Type == corev1.PodReady && condition.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil {
					ready++
				}
			}
		}
		for _, p := range pods.Items {
			// What the API says of a pod may be older than a power cut, and its address another's by now.
			if got := ask(p.Status.PodIP); got != p.Name {
				last += fmt.Sprintf("%q answers for %s; ", got, p.Name)
				ready--
			}
		}
		if ready == replicas {
			return
		}
	}
	t.Fatalf("never %d pods that are ready: %s", replicas, last)
}

func TestAClusterComesUpOnceAndGoesWithoutATrace(t *testing.T) {
	o := wanted(t, "up", 2)
	c, client := bringUp(t, o)
	web(t, client, 2)
	waitForWeb(t, client, 2)
	if _, report, err := UpWithReport(t.Context(), o); err != nil || !report.Already {
		t.Errorf("a second time: %+v, %v; want that it is up already", report, err)
	}
	status, err := c.Status(t.Context())
	if err != nil || !status.Healthy || len(status.Components) != 6 {
		t.Errorf("status: %+v, %v", status, err)
	}
	if _, err := Up(t.Context(), Options{Name: "other", DataDir: o.DataDir, Programs: o.Programs}); err == nil {
		t.Error("another cluster comes up on the same data directory")
	}
	if err := Down(t.Context(), o.Name); err != nil {
		t.Fatal(err)
	}
	checkNoTrace(t, c)
	if err := Down(t.Context(), o.Name); !errors.Is(err, ErrNoCluster) {
		t.Errorf("down again: %v; want that there is none", err)
	}
}

// checkNoTrace looks for whatever a cluster could leave on the machine.
func checkNoTrace(t *testing.T, c *Cluster) {
	t.Helper()
	if exists(c.DataDir) {
		t.Errorf("%s is left", c.DataDir)
	}
	if c.plan().Exists() {
		t.Error("the fabric is left")
	}
	if _, err := netlink.LinkByName(c.plan().Link()); err == nil {
		t.Errorf("interface %s is left", c.plan().Link())
	}
	if left, _ := filepath.Glob("/sys/fs/cgroup/*/" + node.Group(c.Name)); len(left) > 0 {
		t.Errorf("control groups are left: %v", left)
	}
	for _, file := range []string{c.path(controlPlaneFile), c.node(1).SpecFile(), c.node(2).SpecFile()} {
		if h, err := process.Find(file, c.ID); err != nil || h != nil {
			t.Errorf("the supervisor of %s is left, %v", file, err)
		}
	}
	if names, err := Names(); err != nil || slices.Contains(names, c.Name) {
		t.Errorf("the machine's list still has it: %v, %v", names, err)
	}
}

func TestNothingAcknowledgedIsLostWhenAnyProcessIsKilled(t *testing.T) {
	o := wanted(t, "kill", 2)
	c, client := bringUp(t, o)
	web(t, client, 3)
	waitForWeb(t, client, 3)
	acknowledged := map[string]bool{}
	for _, victim := range []struct {
		name string
		kill func() error
	}{
		{"apiserver", func() error { return c.kill("apiserver") }},
		{"controllers", func() error { return c.kill("controllers") }},
		{"scheduler", func() error { return c.kill("scheduler") }},
		{"registry", func() error { return c.kill("registry") }},
		{"a kubelet", func() error { return killOn(c.node(1), "kubelet") }},
		{"a container runtime", func() error { return killOn(c.node(1), "containerd") }},
		{"a proxy", func() error { return killOn(c.node(1), "proxy") }},
		{"a node", func() error { return c.cutPower(t.Context(), c.node(2).Find) }},
		{"the whole control plane", func() error { return c.cutPower(t.Context(), c.findControlPlane) }},
	} {
		t.Run(victim.name, func(t *testing.T) {
			stop := make(chan struct{})
			var writer sync.WaitGroup
			writer.Go(func() { write(t, client, victim.name, stop, acknowledged) })
			err := victim.kill()
			close(stop)
			writer.Wait()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Up(t.Context(), o); err != nil {
				t.Fatal(err)
			}
			waitForWeb(t, client, 3)
			list, err := client.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
			if err != nil {
				t.Fatal(err)
			}
			found := map[string]bool{}
			for _, m := range list.Items {
				found[m.Name] = true
			}
			for name := range acknowledged {
				if !found[name] {
					t.Errorf("%s was acknowledged and is lost", name)
				}
			}
		})
	}
	if len(acknowledged) == 0 {
		t.Error("nothing was acknowledged, so nothing was shown")
	}
}

// write creates ConfigMaps until told to stop, and notes those that the API server has acknowledged.
func write(t *testing.T, client kubernetes.Interface, during string, stop <-chan struct{}, acknowledged map[string]bool) {
	for i := 0; ; i++ {
		made, err := client.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "m-", Annotations: map[string]string{"during": during}}}, metav1.CreateOptions{})
		if err == nil {
			acknowledged[made.Name] = true
		}
		select {
		case <-stop:
			return
		default:
		}
	}
}

// kill ends one process of the control plane and waits until its supervisor has started another.
func (c *Cluster) kill(name string) error {
	return killed(c.path(controlPlaneState), name, func(p spec.ProcessState) error { return unix.Kill(p.Pid, unix.SIGKILL) })
}

// killOn does the same on a node.
func killOn(n node.Node, name string) error { return signalOn(n, name, unix.SIGKILL) }

// signalOn has one process of a node end and waits for another. The node's supervisor knows it by another number than the machine.
func signalOn(n node.Node, name string, signal unix.Signal) error {
	return killed(n.StateFile(), name, func(spec.ProcessState) error {
		supervisor, err := n.Find()
		if err != nil || supervisor == nil {
			return fmt.Errorf("%s does not run: %w", n.Name(), err)
		}
		defer supervisor.Close()
		for _, child := range supervisor.Children() {
			defer child.Close()
			line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child.Pid))
			if strings.HasPrefix(string(line), filepath.Join(n.Programs, "etalon")+"\x00"+name+"\x00") {
				return child.Signal(signal)
			}
		}
		return fmt.Errorf("%s has no process %s", n.Name(), name)
	})
}

func killed(stateFile, name string, kill func(spec.ProcessState) error) error {
	before, err := stateOf(stateFile, name)
	if err != nil {
		return err
	}
	if err := kill(before); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if now, err := stateOf(stateFile, name); err == nil && now.Restarts > before.Restarts && now.Pid != 0 {
			return nil
		}
	}
	return fmt.Errorf("%s was not started again", name)
}

func stateOf(stateFile, name string) (spec.ProcessState, error) {
	state, err := spec.LoadState(stateFile)
	if err != nil {
		return spec.ProcessState{}, err
	}
	for _, p := range state.Processes {
		if p.Name == name {
			return p, nil
		}
	}
	return spec.ProcessState{}, fmt.Errorf("no process %s", name)
}

// cutPower ends a supervisor at once; what it keeps alive may be dying still.
func (c *Cluster) cutPower(ctx context.Context, find func() (*process.Handle, error)) error {
	h, err := find()
	if err != nil {
		return err
	}
	if h == nil {
		return errors.New("it does not run")
	}
	defer h.Close()
	if err := h.Signal(unix.SIGKILL); err != nil {
		return err
	}
	return h.Wait(ctx)
}

func TestClustersComeUpSideBySide(t *testing.T) {
	options := []Options{wanted(t, "left", 1), wanted(t, "right", 1)}
	clusters := make([]*Cluster, len(options))
	var all sync.WaitGroup
	for i, o := range options {
		t.Cleanup(func() { _ = Down(context.Background(), o.Name) })
		all.Go(func() {
			var err error
			if clusters[i], err = Up(t.Context(), o); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if t.Failed() {
		return
	}
	if clusters[0].Index == clusters[1].Index || clusters[0].Port == clusters[1].Port {
		t.Errorf("they share an index or a port: %+v and %+v", clusters[0], clusters[1])
	}
	for _, c := range clusters {
		client, err := c.client()
		if err != nil {
			t.Fatal(err)
		}
		web(t, client, 1)
		waitForWeb(t, client, 1)
	}
	if err := Down(t.Context(), options[0].Name); err != nil {
		t.Fatal(err)
	}
	if status, err := clusters[1].Status(t.Context()); err != nil || !status.Healthy {
		t.Errorf("after the other has gone: %+v, %v", status, err)
	}
}

func TestWhatDoesNotComeUpIsTakenDownAgain(t *testing.T) {
	o := wanted(t, "fail", 1)
	o.EtcdServers, o.Timeout = []string{"http://127.0.0.1:1"}, 3*time.Second
	_, err := Up(t.Context(), o)
	var step *StepError
	if !errors.As(err, &step) || step.Step != "API server" || len(step.Tail) == 0 {
		t.Errorf("without etcd: %v; want the step and the end of a log", err)
	}
	o.EtcdServers, o.Timeout = nil, time.Minute
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := Up(ctx, o); err == nil {
		t.Error("a cluster is up after 300 ms; give the test less")
	}
	if _, err := Find(o.Name); !errors.Is(err, ErrNoCluster) || exists(o.DataDir) {
		t.Errorf("something is left: %v", err)
	}
}
