package cluster

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	podutil "k8s.io/kubectl/pkg/util/podutils"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/fixtures/images"
	"github.com/etalon-dev/etalon/reference/cluster/node"
)

// While pods come and go, the agent, the runtime or the shim of a pod is killed again and again, as often as
// ETALON_KILLS says (12). No container of a pod may ever run twice, every pod that stays must run in the end, and
// when all are deleted nothing of them may be left on the node.
func TestPodsConvergeWhateverIsKilled(t *testing.T) {
	kills, seed := number(t, "ETALON_KILLS", 12), number(t, "ETALON_SEED", int(time.Now().UnixNano()%1e9))
	t.Logf("ETALON_SEED=%d", seed)
	o := wanted(t, "kills", 1)
	o.KubeletConfigFile = filepath.Join(t.TempDir(), "kubelet.yaml")
	config := sharedDisk + "crashLoopBackOff: {maxContainerRestartPeriod: 2s}\n"
	if err := os.WriteFile(o.KubeletConfigFile, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	c, client := bringUp(t, o)
	ch := &churn{t: t, client: client, random: rand.New(rand.NewPCG(uint64(seed), 0))}
	ch.create("first", corev1.RestartPolicyAlways) // which brings the image, and makes what the first pod makes for all
	ch.settle(t.Context())
	ch.clear(t.Context())
	before := inventory(t, c.node(1))

	watch, stop := context.WithCancel(t.Context())
	defer stop()
	var seen int
	var twice []string
	done := make(chan struct{})
	go func() {
		defer close(done)
		seen, twice = runningTwice(watch, c.node(1))
	}()
	for range 3 {
		ch.step(-1)
	}
	for i := range kills {
		for range ch.random.IntN(3) {
			ch.step(i)
		}
		time.Sleep(time.Duration(ch.random.IntN(800)) * time.Millisecond)
		victim := []string{"kubelet", "containerd", "shim"}[ch.random.IntN(3)]
		var err error
		if victim == "shim" {
			err = killShim(c.node(1), ch.random)
		} else {
			err = killOn(c.node(1), victim)
		}
		if err != nil {
			t.Fatalf("kill %d, of %s: %v", i, victim, err)
		}
	}
	ch.settle(t.Context())
	stop()
	<-done
	if seen == 0 {
		t.Error("no container was seen at all")
	}
	for _, container := range twice {
		t.Errorf("%s ran twice", container)
	}
	ch.clear(t.Context())
	ctx, cancel := context.WithTimeout(t.Context(), 4*time.Minute) // the agent sweeps once a minute
	defer cancel()
	var left []string
	if err := until(ctx, func(context.Context) error {
		if left = more(before, inventory(t, c.node(1))); len(left) > 0 {
			return errors.New("something is left")
		}
		return nil
	}, func() error { return nil }); err != nil {
		t.Errorf("%v:\n%s", err, strings.Join(left, "\n"))
	}
}

func number(t *testing.T, variable string, usual int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

// churn makes pods come and go.
type churn struct {
	t      *testing.T
	client kubernetes.Interface
	random *rand.Rand
	pods   []string
	made   int
}

// step creates a pod or deletes one; there are up to twelve.
func (c *churn) step(i int) {
	if len(c.pods) > 4 && (len(c.pods) >= 12 || c.random.IntN(3) == 0) {
		n := c.random.IntN(len(c.pods))
		name := c.pods[n]
		c.pods = slices.Delete(c.pods, n, n+1)
		grace := int64(c.random.IntN(3))
		if err := c.client.CoreV1().Pods("default").Delete(c.t.Context(), name, metav1.DeleteOptions{GracePeriodSeconds: &grace}); err != nil {
			c.t.Errorf("delete pod %s: %v", name, err)
		}
		return
	}
	policy := corev1.RestartPolicyAlways
	if c.random.IntN(4) == 0 {
		policy = corev1.RestartPolicyNever
	}
	c.made++
	c.create(fmt.Sprintf("pod-%d-%d", i, c.made), policy)
}

// create makes a pod of two containers, a sidecar and volumes of several kinds. One that is not restarted ends soon.
func (c *churn) create(name string, policy corev1.RestartPolicy) {
	lasts := "1h"
	if policy == corev1.RestartPolicyNever {
		lasts = "500ms"
	}
	mounts := []corev1.VolumeMount{{Name: "disk", MountPath: "/disk"}, {Name: "memory", MountPath: "/memory"}, {Name: "disk", MountPath: "/part", SubPath: "a/b"}}
	container := func(name, lasts string) corev1.Container {
		return corev1.Container{Name: name, Image: images.Tool, Args: []string{"sleep", lasts}, VolumeMounts: mounts}
	}
	sidecar := container("sidecar", "1h")
	sidecar.RestartPolicy = ptr.To(corev1.ContainerRestartPolicyAlways)
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: corev1.PodSpec{
		RestartPolicy: policy, TerminationGracePeriodSeconds: ptr.To[int64](1),
		InitContainers: []corev1.Container{container("init", "1ms"), sidecar},
		Containers:     []corev1.Container{container("one", lasts), container("two", lasts)},
		Volumes: []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
			{Name: "memory", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}}},
	}}
	if _, err := c.client.CoreV1().Pods("default").Create(c.t.Context(), pod, metav1.CreateOptions{}); err != nil {
		c.t.Fatalf("create pod %s: %v", name, err)
	}
	c.pods = append(c.pods, name)
}

// settle waits until every pod is Ready, or has ended if it is to, and those that were deleted are gone.
func (c *churn) settle(ctx context.Context) {
	c.t.Helper()
	c.await(ctx, func(pods []corev1.Pod) string {
		if len(pods) != len(c.pods) {
			return fmt.Sprintf("%d pods, want %d", len(pods), len(c.pods))
		}
		for i := range pods {
			p := &pods[i]
			if p.Spec.RestartPolicy == corev1.RestartPolicyAlways && !podutil.IsPodReady(p) ||
				p.Spec.RestartPolicy == corev1.RestartPolicyNever && p.Status.Phase != corev1.PodSucceeded && p.Status.Phase != corev1.PodFailed {
				return fmt.Sprintf("pod %s is %s: %+v", p.Name, p.Status.Phase, p.Status.ContainerStatuses)
			}
		}
		return ""
	})
}

func (c *churn) clear(ctx context.Context) {
	c.t.Helper()
	c.pods = nil
	if err := c.client.CoreV1().Pods("default").DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{}); err != nil {
		c.t.Fatal(err)
	}
	c.await(ctx, func(pods []corev1.Pod) string {
		if len(pods) > 0 {
			return fmt.Sprintf("%d pods are not gone, as %s", len(pods), pods[0].Name)
		}
		return ""
	})
}

// await looks at the pods until wrong finds nothing wrong.
func (c *churn) await(ctx context.Context, wrong func([]corev1.Pod) string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	if err := until(ctx, func(ctx context.Context) error {
		list, err := c.client.CoreV1().Pods("default").List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if why := wrong(list.Items); why != "" {
			return errors.New(why)
		}
		return nil
	}, func() error { return nil }); err != nil {
		c.t.Fatal(err)
	}
}

// killShim kills the shim of one pod, if there is any.
func killShim(n node.Node, random *rand.Rand) error {
	supervisor, err := n.Find()
	if err != nil || supervisor == nil {
		return fmt.Errorf("%s does not run: %w", n.Name(), err)
	}
	defer supervisor.Close()
	children := supervisor.Children()
	random.Shuffle(len(children), func(i, j int) { children[i], children[j] = children[j], children[i] })
	for _, child := range children {
		defer child.Close()
		line, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", child.Pid))
		if strings.HasPrefix(filepath.Base(strings.Split(string(line), "\x00")[0]), "containerd-shim") {
			return child.Signal(unix.SIGKILL)
		}
	}
	return nil
}

// runningTwice looks, until ctx ends, how many containers there are, and which container of a pod has processes in two instances at the same time. A cgroup
// tells which processes belong to an instance, and the log's name, which the instance keeps open, of which container it is.
func runningTwice(ctx context.Context, n node.Node) (seen int, twice []string) {
	found := map[string]bool{}
	names := map[string]string{} // of instances, by their cgroups
	for ctx.Err() == nil {
		running := map[string]string{}
		for dir, pid := range instances(n) {
			if names[dir] == "" {
				names[dir] = containerName(pid)
			}
			name := names[dir]
			if name == "" {
				continue // the sandbox, or one that has just ended
			}
			key := filepath.Base(filepath.Dir(dir)) + " " + name
			if other, ok := running[key]; ok && other != dir {
				found[key] = true
			}
			running[key] = dir
		}
		time.Sleep(5 * time.Millisecond)
	}
	for _, name := range names {
		if name != "" {
			seen++
		}
	}
	return seen, slices.Sorted(maps.Keys(found))
}

// instances are the cgroups of containers with processes, and a process of each.
func instances(n node.Node) map[string]string {
	out := map[string]string{}
	dirs, _ := filepath.Glob("/sys/fs/cgroup/pids/" + n.Group() + "/kubepods/*/pod*/*")
	unified, _ := filepath.Glob("/sys/fs/cgroup/" + n.Group() + "/kubepods/*/pod*/*")
	for _, dir := range append(dirs, unified...) {
		text, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		if pid, _, _ := strings.Cut(string(text), "\n"); pid != "" {
			out[dir] = pid
		}
	}
	return out
}

// containerName reads which container a process belongs to from the mount of its termination log, which is in the
// directory containers/NAME of its pod; empty for the sandbox.
func containerName(pid string) string {
	text, _ := os.ReadFile("/proc/" + pid + "/mountinfo")
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); len(fields) > 4 && fields[4] == "/dev/termination-log" {
			return filepath.Base(filepath.Dir(fields[3]))
		}
	}
	return ""
}

// inventory is what there is on a node that pods could leave behind, by kind.
func inventory(t *testing.T, n node.Node) map[string][]string {
	t.Helper()
	supervisor, err := n.Find()
	if err != nil || supervisor == nil {
		t.Fatalf("%s does not run: %v", n.Name(), err)
	}
	defer supervisor.Close()
	proc := fmt.Sprintf("/proc/%d", supervisor.Pid)
	out := map[string][]string{}
	mounts, _ := os.ReadFile(proc + "/mountinfo")
	for line := range strings.Lines(string(mounts)) {
		out["mount"] = append(out["mount"], strings.Fields(line)[4])
	}
	devices, _ := os.ReadFile(proc + "/net/dev")
	for line := range strings.Lines(string(devices)) {
		if name, _, ok := strings.Cut(line, ":"); ok {
			out["network device"] = append(out["network device"], strings.TrimSpace(name))
		}
	}
	for kind, pattern := range map[string]string{
		"directory": "/var/lib/kubelet/pods/*", "log": "/var/log/pods/*", "address": "/run/cni/networks/*/*.*.*.*", "network namespace": "/run/containerd/netns/*",
	} {
		out[kind], _ = filepath.Glob(proc + "/root" + pattern)
	}
	groups, _ := filepath.Glob("/sys/fs/cgroup/*/" + n.Group() + "/kubepods/*/pod*")
	unified, _ := filepath.Glob("/sys/fs/cgroup/" + n.Group() + "/kubepods/*/pod*")
	out["cgroup"] = append(groups, unified...)
	processes, _ := filepath.Glob(proc + "/root/proc/[0-9]*/comm")
	for _, file := range processes {
		name, _ := os.ReadFile(file)
		out["process"] = append(out["process"], strings.TrimSpace(string(name)))
	}
	return out
}

// more is what there is now beside what there was before.
func more(before, now map[string][]string) []string {
	var out []string
	for kind, things := range now {
		was := slices.Clone(before[kind])
		for _, thing := range things {
			if i := slices.Index(was, thing); i >= 0 {
				was = slices.Delete(was, i, i+1)
				continue
			}
			out = append(out, kind+" "+thing)
		}
	}
	slices.Sort(out)
	return out
}
