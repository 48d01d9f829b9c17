package storage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Whoever reaches etcd has the cluster: only the owner may, through files in a directory of theirs.
func TestNobodyElseReachesEtcd(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "etcd")
	etcd, err := StartEtcd(t.Context(), EtcdOptions{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer etcd.Close()
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: mode %v, %v; wanted 0700", dir, info.Mode(), err)
	}
	if got, want := etcd.Endpoint(), "unix://"+filepath.Join(dir, "client.sock"); got != want {
		t.Errorf("endpoint: got %s, wanted %s", got, want)
	}
	if names := abstractSockets(t); len(names) > 0 {
		t.Errorf("etcd listens on the abstract sockets %v", names)
	}
}

func TestADirectoryThatCannotBeWrittenIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(file, "etcd")
	if _, err := StartEtcd(t.Context(), EtcdOptions{Dir: dir}); err == nil || !strings.Contains(err.Error(), dir) && !strings.Contains(err.Error(), file) {
		t.Errorf("got %v, wanted an error that names %s", err, dir)
	}
}

// abstractSockets are the names of the abstract Unix sockets that this process listens on.
func abstractSockets(t *testing.T) []string {
	t.Helper()
	ours := map[string]bool{}
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc: " + err.Error())
	}
	for _, fd := range open {
		if target, err := os.Readlink("/proc/self/fd/" + fd.Name()); err == nil {
			ours[target] = true
		}
	}
	table, err := os.ReadFile("/proc/self/net/unix")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(table)) {
		const listening = "00010000" // __SO_ACCEPTCON, among the flags
		if f := strings.Fields(line); len(f) == 8 && f[3] == listening && strings.HasPrefix(f[7], "@") && ours["socket:["+f[6]+"]"] {
			names = append(names, f[7])
		}
	}
	return names
}
