package plugins

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// fake is a plugin, and what it was told.
type fake struct {
	registration.UnimplementedRegistrationServer
	info *registration.PluginInfo
	told chan *registration.RegistrationStatus
}

func (f *fake) GetInfo(context.Context, *registration.InfoRequest) (*registration.PluginInfo, error) {
	return f.info, nil
}

func (f *fake) NotifyRegistrationStatus(_ context.Context, s *registration.RegistrationStatus) (*registration.RegistrationStatusResponse, error) {
	f.told <- s
	return &registration.RegistrationStatusResponse{}, nil
}

// listen serves the plugin at path until stop, which removes the socket.
func listen(t *testing.T, path string, info *registration.PluginInfo) (f *fake, stop func()) {
	t.Helper()
	f = &fake{info: info, told: make(chan *registration.RegistrationStatus, 10)}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	registration.RegisterRegistrationServer(s, f)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	return f, s.Stop
}

// handler notes what comes and goes.
type handler struct {
	mu     sync.Mutex
	refuse int
	steps  chan string
}

func (h *handler) Register(_ context.Context, p Plugin) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuse > 0 {
		h.refuse--
		return errors.New("not now")
	}
	h.steps <- "+" + p.Name + "@" + filepath.Base(p.Endpoint)
	return nil
}

func (h *handler) Unregister(_ context.Context, p Plugin) { h.steps <- "-" + p.Name }

func start(t *testing.T, dir string, h *handler) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- (&Watcher{Dir: dir, Handlers: map[string]Handler{"T": h}}).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func want(t *testing.T, h *handler, step string) {
	t.Helper()
	if got := <-h.steps; got != step {
		t.Fatalf("got %s, want %s", got, step)
	}
}

func TestPluginsComeAndGoWithTheirSockets(t *testing.T) {
	dir, h := t.TempDir(), &handler{steps: make(chan string, 10)}
	info := func(name string) *registration.PluginInfo {
		return &registration.PluginInfo{Type: "T", Name: name, SupportedVersions: []string{"1"}}
	}
	first, stop := listen(t, filepath.Join(dir, "a.sock"), info("a"))
	start(t, dir, h)
	want(t, h, "+a@a.sock")
	if s := <-first.told; !s.PluginRegistered {
		t.Errorf("the plugin was told %v", s)
	}
	// In a directory that comes later, with an endpoint of its own.
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	other := info("b")
	other.Endpoint = "/elsewhere/csi.sock"
	listen(t, filepath.Join(dir, "sub", "b.sock"), other)
	want(t, h, "+b@csi.sock")
	stop()
	want(t, h, "-a")
	listen(t, filepath.Join(dir, "a.sock"), info("a"))
	want(t, h, "+a@a.sock")
}

func TestAPluginIsToldWhyItIsRefusedAndAskedAgain(t *testing.T) {
	dir, h := t.TempDir(), &handler{steps: make(chan string, 10), refuse: 1}
	start(t, dir, h)
	f, _ := listen(t, filepath.Join(dir, "a.sock"), &registration.PluginInfo{Type: "T", Name: "a"})
	if s := <-f.told; s.PluginRegistered || s.Error != "not now" {
		t.Errorf("told %v first", s)
	}
	want(t, h, "+a@a.sock")
	odd, _ := listen(t, filepath.Join(dir, "b.sock"), &registration.PluginInfo{Type: "U", Name: "b"})
	if s := <-odd.told; s.Error != "no handler registered for plugin type: U" {
		t.Errorf("a plugin of an unknown type was told %v", s)
	}
}

func TestChanges(t *testing.T) {
	one, two := identity{inode: 1}, identity{inode: 2}
	gone, fresh := changes(map[string]identity{"stays": one, "goes": one, "anew": one}, map[string]identity{"stays": one, "comes": one, "anew": two})
	sorted := func(list []string) string {
		out := map[string]bool{}
		for _, s := range list {
			out[s] = true
		}
		text := ""
		for _, s := range []string{"anew", "comes", "goes", "stays"} {
			if out[s] {
				text += s + " "
			}
		}
		return text
	}
	if g, f := sorted(gone), sorted(fresh); g != "anew goes " || f != "anew comes " {
		t.Errorf("gone %s, fresh %s", g, f)
	}
}
