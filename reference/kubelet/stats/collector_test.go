package stats

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/reference/kubelet/runtime"
)

// machine is a node that is made up: a pod p with a container c, and what cgroups say of them.
type machine struct {
	usage map[string]Usage
	err   error
	now   time.Time
}

func (m *machine) Read(path string, _ Depth) (Usage, error) {
	u, known := m.usage[path]
	if !known {
		return u, os.ErrNotExist
	}
	u.At = m.now
	return u, nil
}

func (m *machine) Process(string) int { return 12 }

func labels() map[string]string {
	return map[string]string{runtime.PodUIDLabel: "u", runtime.PodNameLabel: "p", runtime.PodNamespaceLabel: "ns", runtime.ContainerNameLabel: "c"}
}

func (m *machine) ListPodSandbox(context.Context, *criv1.PodSandboxFilter) ([]*criv1.PodSandbox, error) {
	other := &criv1.PodSandbox{Id: "x", Labels: map[string]string{runtime.PodUIDLabel: "not-ours"}}
	return []*criv1.PodSandbox{other, {Id: "s", CreatedAt: began.UnixNano(), Labels: labels()}}, m.err
}

func (m *machine) ListContainers(context.Context, *criv1.ContainerFilter) ([]*criv1.Container, error) {
	gone := labels()
	gone[runtime.ContainerNameLabel] = "ended"
	return []*criv1.Container{
		{Id: "k", CreatedAt: began.UnixNano(), Image: &criv1.ImageSpec{Image: "sha256:1", UserSpecifiedImage: "img:1"}, Labels: labels()},
		{Id: "no-cgroup", Labels: gone},
	}, nil
}

func (m *machine) ListContainerStats(context.Context, *criv1.ContainerStatsFilter) ([]*criv1.ContainerStats, error) {
	return []*criv1.ContainerStats{{Attributes: &criv1.ContainerAttributes{Id: "k"}, WritableLayer: &criv1.FilesystemUsage{
		UsedBytes: &criv1.UInt64Value{Value: 4096}, InodesUsed: &criv1.UInt64Value{Value: 2}}}}, nil
}

var began = time.Unix(1000, 0)

// node returns a Collector of a made-up machine, 100 s after its pod began.
func node(t *testing.T) (*Collector, *machine) {
	pod := &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "ns", UID: "u"},
		Spec: v1.PodSpec{
			Containers: []v1.Container{{Name: "c", Resources: v1.ResourceRequirements{Limits: v1.ResourceList{
				v1.ResourceMemory: resource.MustParse("1Ki"), v1.ResourceCPU: resource.MustParse("500m")}}}},
			Volumes: []v1.Volume{{Name: "scratch"}, {Name: "data", VolumeSource: v1.VolumeSource{
				PersistentVolumeClaim: &v1.PersistentVolumeClaimVolumeSource{ClaimName: "claim"}}}},
		},
		Status: v1.PodStatus{QOSClass: v1.PodQOSGuaranteed},
	}
	use := func(seconds float64, bytes uint64) Usage {
		return Usage{CPU: CPU{Total: uint64(seconds * 1e9)}, Memory: Memory{Usage: bytes, WorkingSet: bytes}, Processes: 1}
	}
	m := &machine{now: began.Add(100 * time.Second), usage: map[string]Usage{
		"/": use(1000, 5000), "/kubepods": use(60, 3000), "/kubepods/podu": use(50, 900), "/kubepods/podu/s": use(1, 100), "/kubepods/podu/k": use(49, 800),
	}}
	proc := tree(t, map[string]string{
		"12/net/dev": "eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\n", "self/net/dev": "eth0: 1 2 3 4 0 0 0 0 5 6 7 8 0 0 0 0\n",
		"stat": "btime 500\n", "1/stat": "1 (init) S 0 1 1 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 0 1 1\n",
		"meminfo": "SwapTotal: 10 kB\nSwapFree: 4 kB\n", "sys/kernel/pid_max": "100\n", "loadavg": "0.1 0.2 0.3 1/17 9\n",
	})
	root := tree(t, map[string]string{
		"pods/u/volumes/kubernetes.io~empty-dir/scratch/file": "hello",
		"pods/u/volumes/kubernetes.io~csi/pv-1/mount/file":    "hello",
		"logs/ns_p_u/c/0.log":                                 "hello",
	})
	c := New(Config{NodeName: "n", Reader: m, Runtime: m, Pods: func() []*v1.Pod { return []*v1.Pod{pod} },
		ImageFS: func(context.Context) (*criv1.ImageFsInfoResponse, error) {
			return &criv1.ImageFsInfoResponse{ImageFilesystems: []*criv1.FilesystemUsage{{
				FsId: &criv1.FilesystemIdentifier{Mountpoint: root}, UsedBytes: &criv1.UInt64Value{Value: 123}}}}, nil
		},
		Claimed: func(types.UID) map[string]string { return map[string]string{"pv-1": "data"} },
		RootDir: root, LogsDir: filepath.Join(root, "logs"), Proc: proc, Memory: 8192})
	// What was sampled 10 s before.
	c.history.add(map[string]point{"/": {m.now.Add(-10 * time.Second), 995e9}, "/kubepods/podu/k": {m.now.Add(-10 * time.Second), 44e9}})
	return c, m
}

func TestSummary(t *testing.T) {
	c, _ := node(t)
	s, err := c.Summary(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	n := s.Node
	if n.NodeName != "n" || *n.CPU.UsageNanoCores != 5e8 || *n.CPU.UsageCoreNanoSeconds != 1000e9 || *n.Memory.AvailableBytes != 8192-5000 ||
		n.Network.Name != "eth0" || *n.Network.RxBytes != 1 || *n.Rlimit.MaxPID != 100 || *n.Rlimit.NumOfRunningProcesses != 17 ||
		*n.Swap.SwapUsageBytes != 6<<10 || *n.Fs.CapacityBytes == 0 || *n.Runtime.ImageFs.UsedBytes != 123 || *n.Runtime.ContainerFs.UsedBytes != 4096 ||
		!n.StartTime.Time.Equal(time.Unix(500, 0)) || len(n.SystemContainers) != 1 || n.SystemContainers[0].Name != "pods" {
		t.Errorf("node: %+v", n)
	}
	if len(s.Pods) != 1 {
		t.Fatalf("pods: %+v", s.Pods)
	}
	p := s.Pods[0]
	// The pod was not sampled before, and is 100 s old: that is its window.
	if p.PodRef.UID != "u" || *p.CPU.UsageNanoCores != 5e8 || *p.Memory.WorkingSetBytes != 900 || *p.Memory.AvailableBytes != 1024-900 ||
		*p.Network.TxBytes != 50 || *p.ProcessStats.ProcessCount != 3 || len(p.Containers) != 1 {
		t.Fatalf("pod: %+v", p)
	}
	k := p.Containers[0]
	if k.Name != "c" || *k.CPU.UsageNanoCores != 5e8 || *k.Memory.AvailableBytes != 1024-800 || *k.Rootfs.UsedBytes != 4096 || *k.Rootfs.InodesUsed != 2 ||
		*k.Logs.UsedBytes == 0 || !k.StartTime.Time.Equal(began) {
		t.Errorf("container: %+v", k)
	}
	if len(p.VolumeStats) != 2 || p.VolumeStats[1].Name != "scratch" || *p.VolumeStats[1].InodesUsed != 2 || p.VolumeStats[0].Name != "data" || p.VolumeStats[0].PVCRef.Name != "claim" {
		t.Errorf("volumes: %+v", p.VolumeStats)
	}
	// The claim's volume, which is as large as its file system here, is no part of it.
	if sum := *k.Rootfs.UsedBytes + *k.Logs.UsedBytes + *p.VolumeStats[1].UsedBytes; *p.EphemeralStorage.UsedBytes != sum {
		t.Errorf("ephemeral storage %d, parts %d", *p.EphemeralStorage.UsedBytes, sum)
	}
	if claims := c.Claims(c.Pods()[0]); len(claims) != 1 || claims["claim"].Space.Capacity == 0 {
		t.Errorf("claims: %+v", claims)
	}
}

func TestResourcePage(t *testing.T) {
	c, m := node(t)
	page, err := c.ResourceMetrics(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"# TYPE container_cpu_usage_seconds_total counter",
		`container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 49 1100000`,
		`container_memory_working_set_bytes{container="c",namespace="ns",pod="p"} 800 1100000`,
		`container_start_time_seconds{container="c",namespace="ns",pod="p"} 1000`,
		`node_cpu_usage_seconds_total 1000 1100000`,
		`node_swap_usage_bytes 6144 1100000`,
		`pod_memory_working_set_bytes{namespace="ns",pod="p"} 900 1100000`,
		`resource_scrape_error 0`,
	} {
		if !strings.Contains("\n"+string(page), "\n"+line+"\n") {
			t.Errorf("%q is not in the page:\n%s", line, page)
		}
	}
	m.err = errors.New("down")
	c.latest = nil
	if page, err := c.ResourceMetrics(context.Background()); err == nil || !strings.HasSuffix(string(page), "\nresource_scrape_error 1\n") || strings.Contains(string(page), "node_") {
		t.Errorf("without a runtime: %v\n%s", err, page)
	}
}

func TestCAdvisorPage(t *testing.T) {
	c, _ := node(t)
	page, err := c.CAdvisorMetrics(context.Background(), "v1")
	if err != nil {
		t.Fatal(err)
	}
	const container = `container="c",id="/kubepods/podu/k",image="img:1",name="k",namespace="ns",pod="p"`
	for _, line := range []string{
		`container_cpu_usage_seconds_total{cpu="total",` + container + `} 49 1100000`,
		`container_memory_working_set_bytes{` + container + `} 800 1100000`,
		`container_memory_working_set_bytes{container="",id="/kubepods/podu",image="",name="",namespace="ns",pod="p"} 900 1100000`,
		`container_network_transmit_bytes_total{interface="eth0",container="",id="/kubepods/podu/s",image="",name="s",namespace="ns",pod="p"} 50 1100000`,
		`container_spec_memory_limit_bytes{` + container + `} 1024 1100000`,
		`container_spec_cpu_quota{` + container + `} 50000 1100000`,
		`container_start_time_seconds{` + container + `} 1000 1100000`,
		`container_last_seen{` + container + `} 1100 1100000`,
		`machine_scrape_error 0`,
	} {
		if !strings.Contains("\n"+string(page), "\n"+line+"\n") {
			t.Errorf("%q is not in the page", line)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if name, found := strings.CutPrefix(line, "# TYPE "); found {
			if seen[name] {
				t.Errorf("twice: %s", line)
			}
			seen[name] = true
		}
	}
}

func TestASampleIsSharedForAMoment(t *testing.T) {
	c, m := node(t)
	m.now = time.Now()
	first, err := c.Sample(context.Background(), Full)
	if err != nil {
		t.Fatal(err)
	}
	first.At = time.Now().Add(time.Hour) // however long this test is kept waiting
	if again, _ := c.Sample(context.Background(), Basic); again != first {
		t.Error("measured again at once")
	}
	first.At = time.Now().Add(-fresh)
	if again, _ := c.Sample(context.Background(), Basic); again == first {
		t.Error("never measured again")
	}
}

func TestRates(t *testing.T) {
	at := func(seconds int, total uint64) point {
		return point{began.Add(time.Duration(seconds) * time.Second), total}
	}
	sampled := func(points ...point) (h history) {
		for _, p := range points {
			h.add(map[string]point{"/": p})
		}
		return h
	}
	for _, c := range []struct {
		name    string
		h       history
		now     point
		created time.Time
		want    int64 // none: -1
	}{
		{"never sampled", history{}, at(10, 5e9), time.Time{}, -1},
		{"since the last sample", sampled(at(0, 1e9)), at(10, 6e9), time.Time{}, 5e8},
		{"too near the last", sampled(at(0, 0), at(10, 1e9)), point{began.Add(10500 * time.Millisecond), 21e8}, time.Time{}, 2e8},
		{"too long ago", sampled(at(0, 0)), at(121, 5e9), time.Time{}, -1},
		{"young", history{}, at(10, 5e9), began, 5e8},
		{"newborn", history{}, at(0, 5e9), began, -1},
		{"made anew since", sampled(at(0, 9e9)), at(10, 5e9), began.Add(5 * time.Second), 1e9},
		{"counts anew", sampled(at(0, 9e9)), at(10, 5e9), time.Time{}, -1},
	} {
		got := c.h.rate("/", c.now, c.created)
		if (got == nil) != (c.want < 0) || (got != nil && *got != uint64(c.want)) {
			t.Errorf("%s: got %v, want %d", c.name, got, c.want)
		}
	}
}

// However often and irregularly samples are taken, a rate is over a second or more, and never more than was used.
func TestRatesProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var h history
		now, total := began, uint64(0)
		for range rapid.IntRange(1, 30).Draw(t, "samples") {
			pause := time.Duration(rapid.IntRange(1, 5000).Draw(t, "ms")) * time.Millisecond
			cores := rapid.Uint64Range(0, 4).Draw(t, "cores")
			now, total = now.Add(pause), total+cores*uint64(pause)
			p := point{now, total}
			if r := h.rate("/", p, time.Time{}); r != nil && *r > 4e9+1 {
				t.Fatalf("%d nanocores of 4 cores", *r)
			}
			if h.latest != nil && h.earlier != nil && h.rate("/", p, time.Time{}) == nil {
				t.Fatal("no rate after two samples")
			}
			h.add(map[string]point{"/": p})
			if h.earlier != nil && h.latest["/"].at.Sub(h.earlier["/"].at) < narrowest {
				t.Fatal("a window of less than a second")
			}
		}
	})
}
