package stats

import (
	"os"
	"path/filepath"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/etalon-dev/etalon/reference/kubelet/volumes"
)

func TestVolumesAreMeasuredByWhoKeepsThem(t *testing.T) {
	for name, c := range map[string]struct {
		kind string
		said *volumes.Usage
		want bool
	}{
		"a directory":              {"volumes", &volumes.Usage{Capacity: 10, Available: 7, Used: 3}, true},
		"a device":                 {"volumeDevices", &volumes.Usage{Capacity: 10, Available: 7, Used: 3}, true},
		"what nobody can tell of":  {"volumes", nil, false},
		"a device nobody tells of": {"volumeDevices", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			k, _ := node(t)
			asked := 0
			k.Measure = func(pod types.UID, volume string) (*volumes.Usage, bool) {
				if asked++; pod != "x" || volume != "data" {
					t.Errorf("asked for %s of %s", volume, pod)
				}
				return c.said, true
			}
			if err := os.MkdirAll(filepath.Join(k.RootDir, "pods/x", c.kind, "kubernetes.io~csi/pv-1"), 0o755); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				got := k.Volumes("x")
				if len(got) == 1 != c.want {
					t.Fatalf("volumes: %+v", got)
				}
				if c.want && (got[0].Name != "data" || got[0].Space.Capacity != 10 || got[0].Space.Available != 7 || got[0].Used.Bytes != 3 || !got[0].BytesOnly) {
					t.Errorf("volumes: %+v", got)
				}
			}
			if asked != 1 {
				t.Errorf("asked %d times within a minute", asked)
			}
		})
	}
}

func TestADeviceThatNobodyMeasuresIsLeftOut(t *testing.T) {
	k, _ := node(t)
	k.Measure = func(types.UID, string) (*volumes.Usage, bool) { return nil, false }
	if err := os.MkdirAll(filepath.Join(k.RootDir, "pods/x/volumeDevices/kubernetes.io~local-volume/pv-1"), 0o755); err != nil {
		t.Fatal(err)
	}
	if got := k.Volumes("x"); len(got) != 0 {
		t.Errorf("volumes: %+v", got)
	}
}
