package logs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"k8s.io/utils/ptr"
)

var t0 = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// container is a runtime with one container that writes numbered lines, one a second of its own time.
type container struct {
	path          string
	mu            sync.Mutex
	file          *os.File
	n             int
	refuse, ended atomic.Bool
}

func newContainer(t *testing.T) *container {
	c := &container{path: filepath.Join(t.TempDir(), "0.log")}
	if err := c.reopen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.file.Close() })
	return c
}

func (c *container) reopen() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f, err := os.OpenFile(c.path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640)
	if err != nil {
		return err
	}
	if c.file != nil {
		c.file.Close()
	}
	c.file = f
	return nil
}

func (c *container) write(t *testing.T, lines int) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for range lines {
		c.n++
		if _, err := fmt.Fprintf(c.file, "%s stdout F line %d\n", t0.Add(time.Duration(c.n)*time.Second).Format(time.RFC3339Nano), c.n); err != nil {
			t.Error(err)
		}
	}
}

func (c *container) ListContainers(context.Context, *criv1.ContainerFilter) ([]*criv1.Container, error) {
	return []*criv1.Container{{Id: "c"}}, nil
}

func (c *container) ContainerStatus(context.Context, string, bool) (*criv1.ContainerStatusResponse, error) {
	return &criv1.ContainerStatusResponse{Status: &criv1.ContainerStatus{LogPath: c.path}}, nil
}

func (c *container) ReopenContainerLog(context.Context, string) error {
	if c.refuse.Load() {
		return errors.New("not now")
	}
	return c.reopen()
}

func (c *container) running(context.Context) bool { return !c.ended.Load() }

// read returns the numbers of the lines that are read.
func (c *container) read(t *testing.T, o Options) string {
	t.Helper()
	var b bytes.Buffer
	if err := Read(t.Context(), c.path, o, c.running, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func numbered(from, to int) string {
	var b strings.Builder
	for i := from; i <= to; i++ {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.String()
}

func TestReadOverRotations(t *testing.T) {
	c := newContainer(t)
	r := &Rotator{Runtime: c, Policy: Policy{MaxSize: 1, MaxFiles: 5}}
	for i := range 5 {
		c.write(t, 10)
		r.look(t.Context(), t0.Add(time.Duration(i)*time.Minute))
	}
	c.write(t, 5)
	files, err := os.ReadDir(filepath.Dir(c.path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, f.Name())
	}
	if got, want := strings.Join(names, " "), "0.log 0.log.20260101-120100.gz 0.log.20260101-120200.gz 0.log.20260101-120300.gz 0.log.20260101-120400"; got != want {
		t.Errorf("files %s, want %s", got, want)
	}
	// The first ten lines are gone with the oldest file.
	for name, x := range map[string]struct {
		o    Options
		want string
	}{
		"all":                         {Options{}, numbered(11, 55)},
		"a tail of the present file":  {Options{Tail: ptr.To(int64(3))}, numbered(53, 55)},
		"a tail of just that file":    {Options{Tail: ptr.To(int64(5))}, numbered(51, 55)},
		"a tail over two files":       {Options{Tail: ptr.To(int64(7))}, numbered(49, 55)},
		"a tail into compressed ones": {Options{Tail: ptr.To(int64(31))}, numbered(25, 55)},
		"a tail of more than all":     {Options{Tail: ptr.To(int64(1000))}, numbered(11, 55)},
		"a tail of nothing":           {Options{Tail: ptr.To(int64(0))}, ""},
		"since":                       {Options{Since: t0.Add(38 * time.Second)}, numbered(38, 55)},
		"a limit":                     {Options{Limit: ptr.To(int64(20))}, numbered(11, 55)[:20]},
		"times":                       {Options{Timestamps: true, Tail: ptr.To(int64(1))}, "2026-01-01T12:00:55.000000000Z line 55\n"},
	} {
		if got := c.read(t, x.o); got != x.want {
			t.Errorf("%s: got %q, want %q", name, got, x.want)
		}
	}
	if err := Remove(c.path); err != nil {
		t.Fatal(err)
	}
	if files, err := os.ReadDir(filepath.Dir(c.path)); err != nil || len(files) > 0 {
		t.Errorf("left behind: %v, %v", files, err)
	}
}

func TestPartialLinesAreOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "0.log")
	text := "2026-01-01T12:00:00Z stdout P one \n2026-01-01T12:00:01Z stdout F line\nnonsense\n2026-01-01T12:00:02Z stderr F \n2026-01-01T12:00:03Z stdout F not yet wh"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := Read(t.Context(), path, Options{Timestamps: true}, nil, &b); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), "2026-01-01T12:00:00.000000000Z one line\n2026-01-01T12:00:02.000000000Z \n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// slow reads so slowly that whole files are rotated, compressed or removed while it does.
type slow struct {
	mu  sync.Mutex
	b   bytes.Buffer
	got chan struct{}
}

func (s *slow) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.got <- struct{}{}:
	default:
	}
	return s.b.Write(p)
}

func TestFollowersMissNothingAndGetNothingTwice(t *testing.T) {
	c := newContainer(t)
	r := &Rotator{Runtime: c, Policy: Policy{MaxSize: 1, MaxFiles: 10000}}
	c.write(t, 3)
	readers := make([]*slow, 3)
	var group sync.WaitGroup
	for i := range readers {
		readers[i] = &slow{got: make(chan struct{}, 1)}
		group.Go(func() {
			if err := Read(t.Context(), c.path, Options{Follow: true}, c.running, readers[i]); err != nil {
				t.Error(err)
			}
		})
	}
	for i := range readers {
		<-readers[i].got
	}
	// Every look rotates: followers see some files only when they are compressed already.
	for i := range 40 {
		c.write(t, 50)
		r.look(t.Context(), t0.Add(time.Duration(i)*time.Minute))
	}
	c.write(t, 7)
	c.ended.Store(true)
	group.Wait()
	for i, reader := range readers {
		if got, want := reader.b.String(), numbered(1, c.n); got != want {
			t.Errorf("reader %d: got %d lines, want %d; the first difference is at %d", i, strings.Count(got, "\n"), c.n, differs(got, want))
		}
	}
}

func differs(a, b string) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestAnAgentThatEndedWhileRotating(t *testing.T) {
	c := newContainer(t)
	r := &Rotator{Runtime: c, Policy: Policy{MaxSize: 1, MaxFiles: 5}}
	c.write(t, 4)
	c.refuse.Store(true)
	r.look(t.Context(), t0)
	if got := c.read(t, Options{}); got != numbered(1, 4) {
		t.Errorf("the runtime did not reopen the log: got %q", got)
	}
	c.refuse.Store(false)
	// Killed after renaming; half of a compressed file is there as well.
	if err := os.Rename(c.path, c.path+".20260101-110000"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(c.path+".20260101-100000"+unwritten, []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	c.write(t, 2)
	r.look(t.Context(), t0.Add(time.Minute))
	c.write(t, 1)
	if got := c.read(t, Options{}); got != numbered(1, 7) {
		t.Errorf("after the next look: got %q", got)
	}
	if _, err := os.Stat(c.path + ".20260101-100000" + unwritten); !os.IsNotExist(err) {
		t.Errorf("the half is still there: %v", err)
	}
}

func TestALimitEndsAFollower(t *testing.T) {
	c := newContainer(t)
	c.write(t, 3)
	if got := c.read(t, Options{Follow: true, Limit: ptr.To(int64(10))}); got != numbered(1, 3)[:10] {
		t.Errorf("got %q", got)
	}
}
