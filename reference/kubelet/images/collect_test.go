package images

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/tools/record"
	internalapi "k8s.io/cri-api/pkg/apis"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
	"pgregory.net/rapid"
)

func TestWhenTheDiskIsTooFull(t *testing.T) {
	p := Policy{High: 85, Low: 80}
	for available, want := range map[int64]int64{1000: 0, 160: 0, 151: 49, 150: 50, 100: 100, 0: 200} {
		if got := p.excess(1000, available); got != want {
			t.Errorf("%d of 1000 available: %d must go, want %d", available, got, want)
		}
	}
	if got := p.excess(0, 0); got != 0 {
		t.Errorf("of a disk of which nothing is known %d must go", got)
	}
}

func TestTheLongestUnusedImageGoesFirst(t *testing.T) {
	now := time.Unix(100_000, 0)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	list := []stored{
		{id: "young", size: 50, detected: ago(time.Minute)},
		{id: "needed", size: 50, detected: ago(24 * time.Hour), needed: true},
		{id: "lately", size: 50, detected: ago(24 * time.Hour), used: ago(time.Hour)},
		{id: "never", size: 50, detected: ago(23 * time.Hour)},
		{id: "long-ago", size: 50, detected: ago(24 * time.Hour), used: ago(20 * time.Hour)},
	}
	for _, c := range []struct {
		bytes  int64
		maxAge time.Duration
		want   string
	}{
		{0, 0, ""}, {1, 0, "never"}, {51, 0, "never long-ago"}, {1 << 40, 0, "never long-ago lately"}, {0, 22 * time.Hour, "never"}, {1, 10 * time.Hour, "never long-ago"},
	} {
		var got []string
		for _, i := range (Policy{MinAge: 2 * time.Minute, MaxAge: c.maxAge}).choose(list, c.bytes, now) {
			got = append(got, i.id)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%d bytes, at most %v unused: got %v, want %s", c.bytes, c.maxAge, got, c.want)
		}
	}
}

// Nothing needed or young goes; as much as is wanted goes, or else all that may; not one more than that takes.
func TestChooseKeepsItsPromises(t *testing.T) {
	now := time.Unix(100_000, 0)
	rapid.Check(t, func(t *rapid.T) {
		p := Policy{MinAge: time.Minute}
		var list []stored
		var eligible int64
		for n := range rapid.IntRange(0, 10).Draw(t, "images") {
			i := stored{
				id: fmt.Sprint(n), size: rapid.Int64Range(1, 100).Draw(t, "size"), needed: rapid.Bool().Draw(t, "needed"),
				detected: now.Add(-time.Duration(rapid.IntRange(0, 120).Draw(t, "age")) * time.Second),
			}
			list = append(list, i)
			if !i.needed && now.Sub(i.detected) >= p.MinAge {
				eligible += i.size
			}
		}
		bytes := rapid.Int64Range(0, 500).Draw(t, "bytes")
		var freed int64
		chosen := p.choose(list, bytes, now)
		for _, i := range chosen {
			if i.needed || now.Sub(i.detected) < p.MinAge {
				t.Fatalf("%+v goes", i)
			}
			freed += i.size
		}
		if freed < min(bytes, eligible) {
			t.Fatalf("%d of %d go, %d may", freed, bytes, eligible)
		}
		if len(chosen) > 0 && freed-chosen[len(chosen)-1].size >= bytes {
			t.Fatalf("the last of %d need not have gone", len(chosen))
		}
	})
}

// node has images on a disk at dir.
type node struct {
	internalapi.ImageManagerService
	dir  string
	list []*criv1.Image
}

func (n *node) ImageFsInfo(context.Context) (*criv1.ImageFsInfoResponse, error) {
	return &criv1.ImageFsInfoResponse{ImageFilesystems: []*criv1.FilesystemUsage{{FsId: &criv1.FilesystemIdentifier{Mountpoint: n.dir}}}}, nil
}

func (n *node) ListImages(context.Context, *criv1.ImageFilter) ([]*criv1.Image, error) {
	return slices.Clone(n.list), nil
}

func (n *node) RemoveImage(_ context.Context, i *criv1.ImageSpec) error {
	n.list = slices.DeleteFunc(n.list, func(have *criv1.Image) bool { return have.Id == i.Image })
	return nil
}

func (n *node) names() string {
	var out []string
	for _, i := range n.list {
		out = append(out, i.Id)
	}
	return strings.Join(out, " ")
}

func TestCollecting(t *testing.T) {
	n := &node{dir: t.TempDir(), list: []*criv1.Image{
		{Id: "used", Size: 1}, {Id: "volume", RepoTags: []string{"docker.io/library/v:latest"}, Size: 1}, {Id: "pause", Pinned: true, Size: 1}, {Id: "spare", Size: 1},
	}}
	recorder := record.NewFakeRecorder(10)
	c := &Collector{Policy: Policy{High: 100, Low: 80, MinAge: time.Minute}, Service: n, Recorder: recorder, Node: &v1.ObjectReference{},
		Needed: func(context.Context) (map[string]bool, error) {
			return map[string]bool{"used": true, "docker.io/library/v:latest": true}, nil
		}}
	now := time.Now()
	if err := c.collect(t.Context(), now); err != nil || n.names() != "used volume pause spare" {
		t.Fatalf("there is room: %v, left %s", err, n.names())
	}
	c.High, c.Low = 0, 0
	if err := c.collect(t.Context(), now); err == nil || n.names() != "used volume pause spare" {
		t.Fatalf("what just came must stay: %v, left %s", err, n.names())
	}
	if got := <-recorder.Events; !strings.HasPrefix(got, "Warning FreeDiskSpaceFailed Failed to garbage collect required amount of images. Attempted to free ") {
		t.Errorf("got event %q", got)
	}
	if err := c.collect(t.Context(), now.Add(time.Minute)); err == nil || n.names() != "used volume pause" {
		t.Fatalf("%v, left %s", err, n.names())
	}
}
