package stats

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// tree makes files below a directory of the test's own.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// versionOne and versionTwo are the same cgroup as the two versions show it.
func versionOne(t *testing.T) V1 {
	return V1{tree(t, map[string]string{
		"cpuacct/kubepods/p/cpuacct.usage":        "5000000000\n",
		"cpuacct/kubepods/p/cpuacct.stat":         "user 300\nsystem 200\n",
		"cpu/kubepods/p/cpu.stat":                 "nr_periods 10\nnr_throttled 4\nthrottled_time 7000\nnr_bursts 0\n",
		"memory/kubepods/p/memory.usage_in_bytes": "10000\n",
		"memory/kubepods/p/memory.stat": "cache 1\nrss 2\ninactive_file 3\ntotal_cache 6000\ntotal_rss 3000\ntotal_mapped_file 500\n" +
			"total_swap 77\ntotal_pgfault 42\ntotal_pgmajfault 2\ntotal_inactive_file 4000\n",
		"memory/kubepods/p/memory.max_usage_in_bytes":                "20000\n",
		"memory/kubepods/p/memory.failcnt":                           "9\n",
		"memory/kubepods/p/cgroup.procs":                             "0\n12\n13\n",
		"pids/kubepods/p/pids.current":                               "5\n",
		"blkio/kubepods/p/blkio.throttle.io_service_bytes_recursive": "8:0 Read 100\n8:0 Write 200\n8:0 Sync 1\n8:0 Total 300\nTotal 300\n",
		"blkio/kubepods/p/blkio.throttle.io_serviced_recursive":      "8:0 Read 3\n8:0 Write 4\nTotal 7\n",
	})}
}

func versionTwo(t *testing.T) V2 {
	return V2{Root: tree(t, map[string]string{
		"kubepods/p/cpu.stat":            "usage_usec 5000000\nuser_usec 3000000\nsystem_usec 2000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 7\n",
		"kubepods/p/memory.current":      "10000\n",
		"kubepods/p/memory.stat":         "anon 3000\nfile 6000\nfile_mapped 500\ninactive_file 4000\npgfault 42\npgmajfault 2\n",
		"kubepods/p/memory.swap.current": "77\n",
		"kubepods/p/memory.peak":         "20000\n",
		"kubepods/p/memory.events":       "low 0\nhigh 0\nmax 9\noom 1\n",
		"kubepods/p/cgroup.procs":        "0\n12\n13\n",
		"kubepods/p/pids.current":        "5\n",
		"kubepods/p/io.stat":             "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=0 dios=0\n",
		"kubepods/p/cpu.pressure":        "some avg10=1.50 avg60=2.00 avg300=3.00 total=4\nfull avg10=0.10 avg60=0.20 avg300=0.30 total=5\n",
		"kubepods/p/memory.pressure":     "some avg10=0.00 avg60=0.00 avg300=0.00 total=6\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n",
		"kubepods/p/io.pressure":         "some avg10=0.00 avg60=0.00 avg300=0.00 total=8\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
		"cpu.stat":                       "usage_usec 9\n",
		"memory.stat":                    "anon 1\ninactive_file 1024\n",
	}), Proc: tree(t, map[string]string{"meminfo": "MemTotal:     100 kB\nMemFree:    40 kB\nSwapTotal: 10 kB\nSwapFree: 4 kB\nHugePages_Total: 0\n"})}
}

var whole4 = Usage{
	CPU:       CPU{Total: 5e9, User: 3e9, System: 2e9, Periods: 10, Throttled: 4, ThrottledTime: 7000},
	Memory:    Memory{Usage: 10000, WorkingSet: 6000, RSS: 3000, Cache: 6000, Mapped: 500, Max: 20000, Swap: 77, Faults: 42, MajorFaults: 2, Failures: 9},
	Processes: 3, Threads: 5,
	IO: []Device{{Number: "8:0", ReadBytes: 100, WriteBytes: 200, Reads: 3, Writes: 4}},
}

func TestBothVersionsTellTheSame(t *testing.T) {
	pressure := &Pressure{
		CPU:    PSI{Some: PSILine{1.5, 2, 3, 4000}, Full: PSILine{0.1, 0.2, 0.3, 5000}},
		Memory: PSI{Some: PSILine{Total: 6000}, Full: PSILine{Total: 7000}},
		IO:     PSI{Some: PSILine{Total: 8000}, Full: PSILine{Total: 9000}},
	}
	for name, c := range map[string]struct {
		Reader
		pressure *Pressure
	}{"1": {versionOne(t), nil}, "2": {versionTwo(t), pressure}} {
		got, err := c.Read("/kubepods/p", Full)
		if err != nil {
			t.Fatal(err)
		}
		want := whole4
		want.Pressure = c.pressure
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Usage{}, "At")); diff != "" {
			t.Errorf("version %s: -want +got:\n%s", name, diff)
		}
		if got, err = c.Read("/kubepods/p", Basic); err != nil || got.CPU.Total != 5e9 || got.Memory.WorkingSet != 6000 || got.IO != nil {
			t.Errorf("version %s, basic: %+v, %v", name, got, err)
		}
		if pid := c.Process("/kubepods/p"); pid != 12 {
			t.Errorf("version %s: process %d", name, pid)
		}
		if _, err := c.Read("/kubepods/none", Basic); !os.IsNotExist(unwrap(err)) {
			t.Errorf("version %s: a cgroup that is not there: %v", name, err)
		}
	}
}

func unwrap(err error) error {
	for {
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return err
		}
		if os.IsNotExist(err) {
			return err
		}
		err = u.Unwrap()
	}
}

func TestTheMachinesOwnRootHasItsMemoryFromProc(t *testing.T) {
	got, err := versionTwo(t).Read("/", Basic)
	if err != nil || got.Memory.Usage != 60<<10 || got.Memory.WorkingSet != 59<<10 || got.Memory.Swap != 6<<10 {
		t.Errorf("%+v, %v", got.Memory, err)
	}
}

func TestInterfaces(t *testing.T) {
	got := parseNetDev("Inter-|   Receive                        |  Transmit\n face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier compressed\n" +
		"    lo: 1 1 1 1 0 0 0 0 1 1 1 1 0 0 0 0\n  eth0: 10 2 3 4 0 0 0 0 50 6 7 8 0 0 0 0\nveth12:9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9\n")
	want := []Interface{{Name: "eth0", RxBytes: 10, RxPackets: 2, RxErrors: 3, RxDropped: 4, TxBytes: 50, TxPackets: 6, TxErrors: 7, TxDropped: 8}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestStartOfAProcess(t *testing.T) {
	proc := tree(t, map[string]string{
		"stat":   "cpu 1 2\nbtime 1000\n",
		"7/stat": "7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 250 1 1\n",
	})
	got, err := processStart(proc, 7)
	if want := time.Unix(1002, 500_000_000); err != nil || !got.Equal(want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
}

func TestOwnCgroup(t *testing.T) {
	for text, want := range map[string]string{
		"9:name=systemd:/\n4:memory:/kubelet\n0::/\n": "/kubelet",
		"3:cpu,memory:/both\n":                        "/both",
		"0::/system.slice/kubelet.service\n":          "/system.slice/kubelet.service",
		"":                                            "/",
	} {
		if got := parseCgroup(text); got != want {
			t.Errorf("%q: %q", text, got)
		}
	}
}

// FuzzParse: whatever the kernel's files say, they are read, and numbers are not made up.
func FuzzParse(f *testing.F) {
	f.Add("total_inactive_file 5\nsome avg10=1 total=3\n8:0 rbytes=1\n8:0 Read 3\neth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n")
	f.Add("a 18446744073709551616\nfull\n(")
	f.Fuzz(func(t *testing.T, s string) {
		m := Memory{Usage: 10}
		m.statV1([]byte(s))
		m.statV2([]byte(s))
		if m.WorkingSet > m.Usage {
			t.Errorf("working set %d of %d", m.WorkingSet, m.Usage)
		}
		parsePSI(s)
		parseMeminfo([]byte(s))
		startTicks(s)
		if !strings.HasPrefix(parseCgroup("0::/"), "/") {
			t.Fail()
		}
		for _, i := range parseNetDev(s) {
			if i.Name == "lo" {
				t.Error("loopback")
			}
		}
		if n := len(parseIOStat(s)) + len(parseThrottle(s, s)); n > 2*strings.Count(s+"\n", "\n") {
			t.Errorf("%d devices", n)
		}
	})
}
