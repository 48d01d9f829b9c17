package usage

import (
	"math"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	read := time.Unix(2000, 0)
	p := parse([]byte(`# HELP node_cpu_usage_seconds_total x
# TYPE node_cpu_usage_seconds_total counter
node_cpu_usage_seconds_total 12.5 1000500
node_memory_working_set_bytes 1e+09 1000500
container_cpu_usage_seconds_total{container="c",namespace="ns",pod="p"} 3 1000000
container_memory_working_set_bytes{pod="p", namespace="ns", container="c",} 4096
container_start_time_seconds{container="c",namespace="ns",pod="p"} 9.5e+02
container_cpu_usage_seconds_total{container="odd\"}\\\n",namespace="ns",pod="q"} 1
container_cpu_usage_seconds_total{container="",namespace="ns",pod="q"} 1
container_cpu_usage_seconds_total{container="negative",namespace="ns",pod="q"} -1
container_cpu_usage_seconds_total{container="nan",namespace="ns",pod="q"} NaN
container_cpu_usage_seconds_total{container="open
container_cpu_usage_seconds_total{container="three",namespace="ns",pod="q"} 1 2 3
pod_cpu_usage_seconds_total{namespace="ns",pod="p"} 4
`), read)
	if want := (point{at: time.UnixMilli(1000500), cpu: 12.5, memory: 1e9, hasCPU: true, hasMemory: true}); p.node != want || !p.at.Equal(want.at) {
		t.Errorf("node: %+v", p.node)
	}
	if got, want := p.pods[podKey{"ns", "p"}]["c"], (point{at: time.UnixMilli(1000000), started: time.Unix(950, 0), cpu: 3, memory: 4096, hasCPU: true, hasMemory: true}); got != want {
		t.Errorf("container: %+v", got)
	}
	if got := p.pods[podKey{"ns", "q"}]; len(got) != 1 || !got["odd\"}\\\n"].at.Equal(read) {
		t.Errorf("the other pod: %+v", got)
	}
}

// FuzzParse: whatever a kubelet answers, it is read, and nothing is told that cannot be.
func FuzzParse(f *testing.F) {
	f.Add([]byte("node_cpu_usage_seconds_total 12.5 1000500\ncontainer_start_time_seconds{container=\"c\",namespace=\"n\",pod=\"p\"} 1e300\n"))
	f.Add([]byte(`container_memory_working_set_bytes{a="\`))
	f.Fuzz(func(t *testing.T, text []byte) {
		p := parse(text, time.Unix(1, 0))
		for key, containers := range p.pods {
			for name, c := range containers {
				if key.name == "" || name == "" || c.cpu < 0 || c.memory < 0 || math.IsNaN(c.cpu+c.memory) || math.IsInf(c.cpu, 0) {
					t.Errorf("%v %q: %+v", key, name, c)
				}
			}
		}
	})
}
