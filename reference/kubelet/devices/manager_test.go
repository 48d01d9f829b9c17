package devices

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	api "k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
)

// counts is "allocatable/capacity" of things.
func (k *kubelet) counts(now time.Time) string {
	capacity, allocatable := k.Resources(now)
	all, some := capacity[thing], allocatable[thing]
	return some.String() + "/" + all.String()
}

func wantCounts(t *testing.T, k *kubelet, now time.Time, want string) {
	t.Helper()
	if got := k.counts(now); got != want {
		t.Errorf("the node has %s, want %s", got, want)
	}
}

func TestDevicesAreCountedWithTheirHealth(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(nil, "a", "b")
	wantCounts(t, k, time.Now(), "2/2")
	f.lists <- append(healthy("a"), &api.Device{ID: "b", Health: api.Unhealthy}, &api.Device{ID: "c"})
	<-k.changes
	wantCounts(t, k, time.Now(), "1/3")
	f.server.Stop()
	<-k.changes
	wantCounts(t, k, time.Now(), "0/3")
	wantCounts(t, k, time.Now().Add(grace-time.Second), "0/3")
	wantCounts(t, k, time.Now().Add(grace+time.Second), "0/0")
	if k.Has(thing) {
		t.Error("the resource is a plugin's still")
	}
	k.plug(nil, "a")
	wantCounts(t, k, time.Now(), "1/1")
}

func TestAPluginThatTakesThePlaceOfAnother(t *testing.T) {
	k := start(t, t.TempDir())
	k.plug(nil, "a", "b")
	listen(t, filepath.Join(k.Dir, "next.sock"), nil, "c")
	if err := k.register(&api.RegisterRequest{Version: api.Version, Endpoint: "next.sock", ResourceName: thing}); err != nil {
		t.Fatal(err)
	}
	<-k.changes
	wantCounts(t, k, time.Now(), "1/1")
}

func TestRegistrationsThatAreRefused(t *testing.T) {
	k := start(t, t.TempDir())
	for _, c := range []struct{ version, resource, want string }{
		{"v1", thing, `requested API version "v1" is not supported by kubelet. Supported version is ["v1beta1"]`},
		{api.Version, "cpu", `the ResourceName "cpu" is invalid`},
		{api.Version, "kubernetes.io/thing", `the ResourceName "kubernetes.io/thing" is invalid`},
	} {
		err := k.register(&api.RegisterRequest{Version: c.version, ResourceName: c.resource, Endpoint: "x.sock"})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %s: %v, want %s", c.version, c.resource, err, c.want)
		}
	}
	if err := k.Register(t.Context(), plugins.Plugin{Name: thing, Versions: []string{"v2"}}); err == nil {
		t.Error("a plugin of another version was taken in")
	}
	if info, err := os.Stat(filepath.Join(k.Dir, socketName)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the socket: %v, %v", info.Mode(), err)
	}
}

func TestPluginsOfTheWatcher(t *testing.T) {
	k := start(t, t.TempDir())
	p := plugins.Plugin{Type: "DevicePlugin", Name: thing, Endpoint: filepath.Join(k.Dir, "w.sock"), Versions: []string{api.Version}}
	listen(t, p.Endpoint, &api.DevicePluginOptions{PreStartRequired: true}, "a")
	if err := k.Register(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	<-k.changes
	wantCounts(t, k, time.Now(), "1/1")
	k.Unregister(t.Context(), p)
	<-k.changes
	wantCounts(t, k, time.Now(), "0/1")
}

func TestContainersGetDevicesExclusively(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(nil, "a", "b", "c")
	if err := k.admit(pod("one", container("main", "2"), container("none", ""))); err != nil || k.has("one", "main") != "a b" {
		t.Fatalf("the first pod has %s, %v", k.has("one", "main"), err)
	}
	err := k.admit(pod("two", container("main", "2")))
	if err == nil || err.Error() != "requested number of devices unavailable for etalon.dev/thing. Requested: 2, Available: 1" {
		t.Errorf("the second pod: %v", err)
	}
	if err := k.Release("one"); err != nil {
		t.Fatal(err)
	}
	if err := k.admit(pod("two", container("main", "2"))); err != nil || k.has("two", "main") != "a b" {
		t.Errorf("the second pod has %s, %v", k.has("two", "main"), err)
	}
	f.lists <- nil
	<-k.changes
	err = k.admit(pod("three", container("main", "1")))
	if err == nil || err.Error() != "no healthy devices present; cannot allocate unhealthy devices etalon.dev/thing" {
		t.Errorf("without devices: %v", err)
	}
	if err := k.admit(pod("other", v1.Container{Name: "main", Resources: v1.ResourceRequirements{Limits: v1.ResourceList{"etalon.dev/other": quantityOf("1"), "cpu": quantityOf("1")}}})); err != nil {
		t.Errorf("resources of no plugin: %v", err)
	}
}

func TestInitContainersLeaveTheirDevicesToOthersAndSidecarsDoNot(t *testing.T) {
	k := start(t, t.TempDir())
	k.plug(nil, "a", "b", "c", "d")
	p := pod("p", container("main", "1"), container("more", "2"))
	sidecar := container("sidecar", "1")
	sidecar.RestartPolicy = ptr.To(v1.ContainerRestartPolicyAlways)
	p.Spec.InitContainers = []v1.Container{container("first", "1"), sidecar, container("second", "2")}
	if err := k.admit(p); err != nil {
		t.Fatal(err)
	}
	got := ""
	for _, c := range order(p) {
		got += c.Name + "=" + k.has("p", c.Name) + "; "
	}
	if got != "first=a; sidecar=a; second=b c; main=b; more=c d; " {
		t.Error(got)
	}
}

func TestSettings(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(&api.DevicePluginOptions{PreStartRequired: true}, "a", "b")
	p := pod("p", container("main", "2"))
	if err := k.admit(p); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s, err := k.Settings(t.Context(), p, &p.Spec.Containers[0])
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(s.Envs, s.Annotations, s.Mounts, s.Devices, s.CDI); got != fmt.Sprint(
			map[string]string{"THINGS": "a,b"}, map[string]string{"etalon.dev/things": "a,b"}, s.Mounts, s.Devices, s.CDI) ||
			s.Mounts[0].HostPath != "/tmp/things" || !s.Mounts[0].Readonly || s.Devices[0].Permissions != "rw" || s.CDI[0].Name != "etalon.dev/thing=a,b" {
			t.Error(got)
		}
	}
	if got := f.said(); !slices.Equal(got, []string{"allocate a,b", "start with a,b", "start with a,b"}) {
		t.Error(got)
	}
	if s, err := k.Settings(t.Context(), p, &v1.Container{Name: "other"}); err != nil || len(s.Envs) > 0 {
		t.Errorf("a container without devices: %v, %v", s, err)
	}
}

func TestWhatThePluginPrefers(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(&api.DevicePluginOptions{GetPreferredAllocationAvailable: true}, "a", "b", "c", "d")
	f.likes = []string{"c"}
	p := pod("p", container("main", "2"))
	p.Spec.InitContainers = []v1.Container{container("init", "1")}
	if err := k.admit(p); err != nil {
		t.Fatal(err)
	}
	if a, b := k.has("p", "init"), k.has("p", "main"); a != "c" || b != "a c" {
		t.Errorf("got %s and %s", a, b)
	}
	if got := f.said(); !slices.Equal(got, []string{"prefer of a b c d, must ", "allocate c", "prefer of a b c d, must c", "allocate a,c"}) {
		t.Error(got)
	}
}

func TestAPluginThatRefuses(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(nil, "a")
	f.refuse = errors.New("it is broken")
	p := pod("p", container("main", "1"))
	if err := k.admit(p); err == nil || !strings.Contains(err.Error(), "it is broken") {
		t.Fatalf("got %v", err)
	}
	if !k.Pending("p") {
		t.Error("the plugin has not to be asked again")
	}
	k.Release("p")
	f.mu.Lock()
	f.refuse = nil
	f.mu.Unlock()
	if err := k.admit(p); err != nil || k.Pending("p") {
		t.Error(err)
	}
}

func TestAKilledKubeletKnowsWhoHasWhat(t *testing.T) {
	dir := t.TempDir()
	k := start(t, dir)
	f := k.plug(nil, "a", "b")
	p, lost := pod("p", container("main", "1")), pod("lost", container("main", "1"))
	if err := k.admit(p); err != nil {
		t.Fatal(err)
	}
	if err := k.Reserve(lost, &lost.Spec.Containers[0], nil); err != nil {
		t.Fatal(err)
	}
	k.stop()
	f.server.Stop()
	k = start(t, dir)
	wantCounts(t, k, time.Now(), "0/0")
	if got := k.has("p", "main"); got != "a" {
		t.Errorf("it has %q", got)
	}
	if s, err := k.Settings(t.Context(), p, &p.Spec.Containers[0]); err != nil || s.Envs["THINGS"] != "a" {
		t.Errorf("%v, %v", s, err)
	}
	if got := k.Health("p", "main"); got[0].Resources[0].Health != v1.ResourceHealthStatusUnknown {
		t.Errorf("without its plugin: %v", got)
	}
	if _, err := k.Settings(t.Context(), lost, &lost.Spec.Containers[0]); err == nil {
		t.Error("a container without devices starts without its plugin")
	}
	f = k.plug(nil, "a", "b")
	if s, err := k.Settings(t.Context(), lost, &lost.Spec.Containers[0]); err != nil || s.Envs["THINGS"] != "b" {
		t.Errorf("a pod whose plugin was not asked in time: %v, %v", s, err)
	}
	if got := f.said(); !slices.Equal(got, []string{"allocate b"}) {
		t.Error(got)
	}
	if err := k.Retain(func(uid types.UID) bool { return uid == "p" }); err != nil {
		t.Fatal(err)
	}
	if a, b := k.has("p", "main"), k.has("lost", "main"); a != "a" || b != "" {
		t.Errorf("%q and %q", a, b)
	}
}

func TestPodsHearOfTheHealthOfTheirDevices(t *testing.T) {
	k := start(t, t.TempDir())
	f := k.plug(nil, "a", "b")
	p := pod("p", container("main", "2"))
	if err := k.admit(p); err != nil {
		t.Fatal(err)
	}
	check := func(want string) {
		t.Helper()
		if got := fmt.Sprint(k.Health("p", "main")); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	check("[{etalon.dev/thing [{a Healthy <nil>} {b Healthy <nil>}]}]")
	f.lists <- []*api.Device{{ID: "a", Health: api.Unhealthy}}
	if got := <-k.changes; !slices.Equal(got, []types.UID{"p"}) {
		t.Errorf("heard: %v", got)
	}
	check("[{etalon.dev/thing [{a Unhealthy <nil>} {b Unknown <nil>}]}]")
	f.server.Stop()
	<-k.changes
	check("[{etalon.dev/thing [{a Unknown <nil>} {b Unknown <nil>}]}]")
}

func TestPluginsAreToldToRegisterAgain(t *testing.T) {
	dir := t.TempDir()
	left := filepath.Join(dir, "thing.sock")
	listen(t, left, nil)
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	start(t, dir)
	if _, err := os.Lstat(left); err == nil {
		t.Error("the plugin's socket is there still")
	}
	if _, err := os.Lstat(filepath.Join(dir, "file")); err != nil {
		t.Error(err)
	}
}

func FuzzCheckpoint(f *testing.F) {
	held := holdings{}
	held.set("p", "main", thing, &holding{devices: on("a@0 b"), answer: &api.ContainerAllocateResponse{Envs: map[string]string{"A": "b"}}})
	held.set("q", "main", thing, &holding{devices: on("c")})
	text, err := format([]string{thing}, held)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"version":1,"holdings":[{"answer":"AA=="}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		names, held, err := parse(text)
		if err != nil {
			return
		}
		again, err := format(names, held)
		if err != nil {
			t.Fatal(err)
		}
		if _, after, err := parse(again); err != nil || len(after) != len(held) {
			t.Fatalf("read %d pods again of %d: %v", len(after), len(held), err)
		}
	})
}
