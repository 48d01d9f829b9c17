package connect

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/tools/remotecommand"
	clientexec "k8s.io/client-go/util/exec"
	kubeletexec "k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// shell is a kubelet whose containers know one command: it copies stdin to stdout, says where
// it runs on stderr (or, on a terminal, on stdout) and exits with the code it was given.
type shell struct{}

func (shell) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	o, err := kubeletexec.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/") // action/namespace/pod/container
	if parts[0] == "attach" {
		kubeletexec.ServeAttach(w, r, shell{}, parts[2], "", parts[3], o, time.Minute, time.Minute, kubeletexec.SupportedStreamingProtocols)
		return
	}
	kubeletexec.ServeExec(w, r, shell{}, parts[2], "", parts[3], r.URL.Query()["command"], o, time.Minute, time.Minute, kubeletexec.SupportedStreamingProtocols)
}

func (shell) ExecInContainer(_ context.Context, pod, _, container string, cmd []string, in io.Reader, out, stderr io.WriteCloser, tty bool, _ <-chan kubeletexec.TerminalSize, _ time.Duration) error {
	if in != nil {
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	to := stderr
	if tty {
		to = out
	}
	fmt.Fprintf(to, "%s/%s %v tty=%t", pod, container, cmd, tty) //nolint:errcheck
	if cmd[0] == "exit" {
		return utilexec.CodeExitError{Err: errors.New("exited"), Code: 42}
	}
	return nil
}

func (shell) AttachContainer(_ context.Context, pod, _, container string, _ io.Reader, out, _ io.WriteCloser, _ bool, _ <-chan kubeletexec.TerminalSize) error {
	_, err := fmt.Fprintf(out, "attached to %s/%s", pod, container)
	return err
}

// clients are the two ways in which kubectl connects, old and new.
var clients = map[string]func(*testing.T, *world, string) (remotecommand.Executor, error){
	"SPDY": func(t *testing.T, w *world, path string) (remotecommand.Executor, error) {
		return remotecommand.NewSPDYExecutor(w.config(), "POST", w.url(t, path))
	},
	"WebSocket": func(t *testing.T, w *world, path string) (remotecommand.Executor, error) {
		return remotecommand.NewWebSocketExecutor(w.config(), "GET", w.url(t, path).String())
	},
}

func eachClient(t *testing.T, f func(t *testing.T, run func(w *world, path string, in string, tty bool) (out, stderr string, err error))) {
	t.Helper()
	for name, dial := range clients {
		t.Run(name, func(t *testing.T) {
			f(t, func(w *world, path, in string, tty bool) (string, string, error) {
				e, err := dial(t, w, path)
				if err != nil {
					t.Fatal(err)
				}
				var out, stderr bytes.Buffer
				o := remotecommand.StreamOptions{Stdout: &out, Tty: tty}
				if !tty {
					o.Stderr = &stderr
				}
				if in != "" {
					o.Stdin = strings.NewReader(in)
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				err = e.StreamWithContext(ctx, o)
				return out.String(), stderr.String(), err
			})
		})
	}
}

func TestExec(t *testing.T) {
	eachClient(t, func(t *testing.T, run func(*world, string, string, bool) (string, string, error)) {
		w := newWorld(t, shell{})
		out, stderr, err := run(w, "/pods/p/exec?container=b&stdin=true&stdout=true&stderr=true&command=echo&command=two+words", "hello", false)
		if out != "hello" || stderr != "p/b [echo two words] tty=false" || err != nil {
			t.Errorf("stdout %q, stderr %q, %v", out, stderr, err)
		}
		out, _, err = run(w, "/pods/p/exec?container=a&stdout=true&tty=true&command=top", "", true)
		if out != "p/a [top] tty=true" || err != nil {
			t.Errorf("on a terminal: %q %v", out, err)
		}
	})
}

func TestExitCode(t *testing.T) {
	eachClient(t, func(t *testing.T, run func(*world, string, string, bool) (string, string, error)) {
		_, stderr, err := run(newWorld(t, shell{}), "/pods/p/exec?container=a&stdout=true&stderr=true&command=exit", "", false)
		var code clientexec.CodeExitError
		if !errors.As(err, &code) || code.Code != 42 || stderr == "" {
			t.Errorf("got %v (stderr %q), want exit code 42", err, stderr)
		}
	})
}

func TestAttach(t *testing.T) {
	eachClient(t, func(t *testing.T, run func(*world, string, string, bool) (string, string, error)) {
		out, _, err := run(newWorld(t, shell{}), "/pods/p/attach?container=a&stdout=true&stderr=true", "", false)
		if out != "attached to p/a" || err != nil {
			t.Errorf("%q %v", out, err)
		}
	})
}

// TestReadersCannotExec: a GET that becomes a command needs the permission to create it.
func TestReadersCannotExec(t *testing.T) {
	w := newWorld(t, shell{})
	w.readOnly = true
	for _, sub := range []string{"exec", "attach", "portforward"} {
		resp, err := http.Get(w.front.URL + "/pods/p/" + sub + "?container=a&command=x&stdout=true")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close() //nolint:errcheck
		want := `pods \"p\" is forbidden: User \"ann\" cannot create resource \"pods/` + sub + `\" in API group \"\" in the namespace \"ns\"`
		if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), want) || err != nil {
			t.Errorf("%s: %d %s %v, want %s", sub, resp.StatusCode, body, err, want)
		}
	}
}

func TestStreamErrors(t *testing.T) {
	eachClient(t, func(t *testing.T, run func(*world, string, string, bool) (string, string, error)) {
		w := newWorld(t, shell{})
		for path, want := range map[string]string{
			"/pods/p/exec?command=x&stdout=true":             "a container name must be specified for pod p, choose one of: [a b]",
			"/pods/p/exec?container=c&command=x&stdout=true": "container c is not valid for pod p",
			"/pods/q/exec?container=a&command=x&stdout=true": `pods "q" not found`,
		} {
			if _, _, err := run(w, path, "", false); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q", path, err, want)
			}
		}
		w.pod.Spec.NodeName = ""
		if _, _, err := run(w, "/pods/p/exec?container=a&command=x&stdout=true", "", false); err == nil || !strings.Contains(err.Error(), "pod p does not have a host assigned") {
			t.Errorf("unscheduled: %v", err)
		}
	})
}

func TestContainerOf(t *testing.T) {
	w := newWorld(t, shell{})
	w.pod.Spec.InitContainers = w.pod.Spec.Containers[:1]
	if _, err := containerOf(w.pod, ""); !apierrors.IsBadRequest(err) || err.Error() != "a container name must be specified for pod p, choose one of: [a b] or one of the init containers: [a]" {
		t.Errorf("%v", err)
	}
	w.pod.Spec.Containers = w.pod.Spec.Containers[:1]
	if got, err := containerOf(w.pod, ""); got != "a" || err != nil {
		t.Errorf("the only container: %q %v", got, err)
	}
}
