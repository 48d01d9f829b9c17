package controllers

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

func line(user, verb, resource, subresource string, code int) string {
	return fmt.Sprintf(`{"kind":"Event","stage":"ResponseComplete","verb":%q,"user":{"username":%q},"objectRef":{"resource":%q,"subresource":%q},"responseStatus":{"code":%d}}`+"\n",
		verb, user, resource, subresource, code)
}

func appendTo(t *testing.T, file, text string) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Every request is read once, also one whose line is written in parts, and those of a log that has been put aside.
func TestAGrowingLogIsReadOnce(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	bind := line("system:kube-scheduler", "create", "pods", "binding", 201)
	appendTo(t, file, bind+bind[:20])
	l, err := openLog(file)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	got := calls{}
	read := func(want int) {
		t.Helper()
		if n, err := l.read(got); err != nil || n != want {
			t.Errorf("read %d, %v; wanted %d", n, err, want)
		}
	}
	read(1)
	read(0)
	appendTo(t, file, bind[20:])
	read(1)
	appendTo(t, file, line("etalon:simulation", "patch", "pods", "status", 409))
	if err := os.Rename(file, file+".1"); err != nil {
		t.Fatal(err)
	}
	read(1)
	appendTo(t, file+".1", bind)
	appendTo(t, file, line("kubernetes-admin", "list", "pods", "", 200)+
		`{"stage":"ResponseStarted","verb":"watch"}`+"\n"+line("system:serviceaccount:kube-system:job-controller", "create", "events", "", 201))
	read(3)
	read(0)
	want := calls{{"scheduler", "create", "pods/binding"}: 3, {"nodes", "patch", "pods/status"}: 1, {"client", "list", "pods"}: 1, {"controllers", "create", "events"}: 1}
	if len(got) != len(want) || l.refused != 1 {
		t.Errorf("got %v, %d refused", got, l.refused)
	}
	for c, n := range want {
		if got[c] != n {
			t.Errorf("%v: got %d, wanted %d", c, got[c], n)
		}
	}
	if writes, events := got.sum(call.writes), got.sum(call.isEvent); writes != 4 || events != 1 {
		t.Errorf("%d writes and %d events, wanted 4 and 1", writes, events)
	}
}

func TestALogThatIsNoneIsAnError(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit.log")
	if _, err := openLog(file); err == nil {
		t.Error("a missing log was opened")
	}
	appendTo(t, file, "not JSON\n")
	l, err := openLog(file)
	if err != nil {
		t.Fatal(err)
	}
	defer l.close()
	if _, err := l.read(calls{}); err == nil {
		t.Error("a line that is not JSON was read")
	}
}

func TestWhatCountsAsAWrite(t *testing.T) {
	for c, want := range map[call]bool{
		{"controllers", "create", "pods"}:                true,
		{"controllers", "update", "deployments/status"}:  true,
		{"nodes", "patch", "pods/status"}:                true,
		{"controllers", "patch", "nodes/status"}:         true,
		{"nodes", "patch", "nodes/status"}:               false,
		{"controllers", "create", "events"}:              false,
		{"controllers", "get", "pods"}:                   false,
		{"controllers", "deletecollection", "endpoints"}: true,
	} {
		if got := c.writes(); got != want {
			t.Errorf("%+v: a write is %t, want %t", c, got, want)
		}
	}
}
