package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

func TestTheTimeOfAGroupIsReadFromEitherVersion(t *testing.T) {
	root := t.TempDir()
	for file, text := range map[string]string{
		"cpu,cpuacct/a/b/cpuacct.usage": "1500000\n",
		"a/b/cpu.stat":                  "usage_usec 2500\nuser_usec 2000\nsystem_usec 500\n",
		"a/empty/cpu.stat":              "user_usec 2000\n",
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, test := range []struct {
		name, groups string
		want         time.Duration
		wrong        bool
	}{
		{"version 1", "3:memory:/other\n2:cpu,cpuacct:/a/b\n0::/a\n", 1500 * time.Microsecond, false},
		{"version 2", "0::/a/b\n", 2500 * time.Microsecond, false},
		{"no figure", "0::/a/empty\n", 0, true},
		{"no group", "0::/gone\n", 0, true},
		{"nothing", "", 0, true},
	} {
		got, err := groupCPU(root, test.groups)
		if got != test.want || (err != nil) != test.wrong {
			t.Errorf("%s: got %v, %v; want %v, error: %v", test.name, got, err, test.want, test.wrong)
		}
	}
}
