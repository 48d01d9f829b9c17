package cluster

import (
	"strings"
	"testing"
	"time"
)

func TestWrongOptionsGetOneClearLine(t *testing.T) {
	for want, o := range map[string]Options{
		`cluster name "A_b": `: {Name: "A_b"},
		"-1 nodes":             {Nodes: -1},
		"and none":             {Nodes: 1, NoNodes: true},
		"201 nodes":            {Nodes: 201},
		"port 70000":           {Port: 70000},
		`no part "etcd"`:       {Without: []string{"etcd"}},
		"data directory /run/": {DataDir: "/run/x"},
		"at most 80":           {DataDir: "/" + strings.Repeat("x", 90)},
	} {
		_, err := o.complete()
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%+v: %v; want %q", o, err, want)
		}
	}
}

func TestOptionsHaveDefaults(t *testing.T) {
	o, err := Options{}.complete()
	if err != nil || o.Name != "etalon" || o.DataDir != "/var/lib/etalon/etalon" || o.Timeout != 2*time.Minute || o.Programs == "" {
		t.Errorf("%+v, %v", o, err)
	}
}
