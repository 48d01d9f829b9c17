package metrics

import (
	"strings"
	"testing"
	"time"
)

func TestProbes(t *testing.T) {
	var l ProbeLog
	p := Probe{UID: "u", Namespace: "ns", Pod: "p", Container: "c", Kind: "Readiness"}
	other := p
	other.UID, other.Pod = "v", "q"
	l.Add(p, Failed, 20*time.Millisecond)
	l.Add(p, Successful, 70*time.Millisecond)
	l.Add(p, Successful, time.Minute)
	l.Add(other, Unknown, time.Millisecond)
	page := string(l.Page())
	for _, line := range []string{
		`prober_probe_total{container="c",namespace="ns",pod="p",pod_uid="u",probe_type="Readiness",result="successful"} 2`,
		`prober_probe_total{container="c",namespace="ns",pod="p",pod_uid="u",probe_type="Readiness",result="failed"} 1`,
		`prober_probe_total{container="c",namespace="ns",pod="q",pod_uid="v",probe_type="Readiness",result="unknown"} 1`,
		`prober_probe_duration_seconds_bucket{container="c",namespace="ns",pod="p",probe_type="Readiness",le="0.01"} 0`,
		`prober_probe_duration_seconds_bucket{container="c",namespace="ns",pod="p",probe_type="Readiness",le="0.025"} 1`,
		`prober_probe_duration_seconds_bucket{container="c",namespace="ns",pod="p",probe_type="Readiness",le="10"} 2`,
		`prober_probe_duration_seconds_bucket{container="c",namespace="ns",pod="p",probe_type="Readiness",le="+Inf"} 3`,
		`prober_probe_duration_seconds_count{container="c",namespace="ns",pod="p",probe_type="Readiness"} 3`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("%q is not in the page:\n%s", line, page)
		}
	}
	l.Forget("u")
	if page := string(l.Page()); strings.Contains(page, `pod="p"`) || !strings.Contains(page, `pod="q"`) {
		t.Errorf("after one pod is gone:\n%s", page)
	}
}
