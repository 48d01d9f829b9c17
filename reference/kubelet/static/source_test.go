package static

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/klog/v2"
	kubeletv1beta1 "k8s.io/kubelet/config/v1beta1"
)

// images says of each pod which image it runs.
func images(pods []*v1.Pod) []string {
	var out []string
	for _, p := range pods {
		out = append(out, p.Name+" "+p.Spec.Containers[0].Image)
	}
	return out
}

func describe(name, image string) string {
	return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s}\nspec: {containers: [{name: c, image: %q}]}\n", name, image)
}

func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	d := &directory{path: dir, node: "n", log: klog.Background()}
	write := func(file, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want := func(when string, pods ...string) []*v1.Pod {
		t.Helper()
		got, err := d.read(t0)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(pods, images(got)); diff != "" {
			t.Errorf("%s: -want +got\n%s", when, diff)
		}
		return got
	}
	want("empty")
	write("b.yaml", describe("b", "x:1"))
	write("a.yaml", describe("a", "x:1"))
	write(".hidden.yaml", describe("h", "x:1"))
	if err := os.MkdirAll(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("sub/c.yaml", describe("c", "x:1"))
	first := want("two files", "a-n x:1", "b-n x:1")
	write("c.yaml", "kind: Pod")
	write("d.yaml", describe("a", "x:9"))
	second := want("a malformed file and a second of the same name", "a-n x:1", "b-n x:1")
	if first[0] != second[0] {
		t.Error("a file that did not change makes another object")
	}
	write("a.yaml", describe("a", "x:2"))
	write("b.yaml", describe("b", "x:2")[:40])
	third := want("one changed, one half written", "a-n x:2", "b-n x:1")
	if third[0].UID == first[0].UID || third[1].UID != first[1].UID {
		t.Errorf("uids: %s became %s, %s became %s", first[0].UID, third[0].UID, first[1].UID, third[1].UID)
	}
	for _, file := range []string{"a.yaml", "b.yaml"} {
		if err := os.Remove(filepath.Join(dir, file)); err != nil {
			t.Fatal(err)
		}
	}
	want("both removed", "a-n x:9")
	d.path = filepath.Join(dir, "d.yaml")
	want("a single file", "a-n x:9")
	d.path = filepath.Join(dir, "none-such")
	want("no directory")
}

// receiver notes which pods are to run.
type receiver struct {
	mu   sync.Mutex
	pods map[types.UID]*v1.Pod
}

func (r *receiver) Update(pod *v1.Pod) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pods[pod.UID] = pod
}

func (r *receiver) Gone(uid types.UID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.pods, uid)
}

func (r *receiver) images() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var pods []*v1.Pod
	for _, p := range r.pods {
		pods = append(pods, p)
	}
	out := images(pods)
	slices.Sort(out)
	return out
}

// until waits for the pods; the test's own deadline bounds it.
func (r *receiver) until(t *testing.T, want ...string) {
	t.Helper()
	for !slices.Equal(r.images(), want) {
		select {
		case <-t.Context().Done():
			t.Fatalf("got %v, want %v", r.images(), want)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func TestSourceFollowsFilesAndAServer(t *testing.T) {
	var mu sync.Mutex
	answer := `{"kind": "PodList", "apiVersion": "v1", "items": [` + web + `]}`
	serve := func(text string) {
		mu.Lock()
		defer mu.Unlock()
		answer = text
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("Token") != "secret" {
			http.Error(w, "who are you?", http.StatusForbidden)
			return
		}
		fmt.Fprint(w, answer)
	}))
	defer server.Close()
	dir := t.TempDir()
	config := &kubeletv1beta1.KubeletConfiguration{StaticPodPath: dir, StaticPodURL: server.URL, StaticPodURLHeader: map[string][]string{"Token": {"secret"}}}
	// Long, so that only the watch can tell.
	config.FileCheckFrequency.Duration = time.Hour
	config.HTTPCheckFrequency.Duration = 5 * time.Millisecond
	r := &receiver{pods: map[types.UID]*v1.Pod{}}
	s := NewSource(config, "n", r)
	go s.Run(t.Context())
	<-s.Read()
	r.until(t, "web-n example.org/x:1")
	file := filepath.Join(dir, "a.yaml")
	if err := os.WriteFile(file, []byte(describe("a", "x:1")), 0o600); err != nil {
		t.Fatal(err)
	}
	r.until(t, "a-n x:1", "web-n example.org/x:1")
	serve(strings.Replace(web, "x:1", "x:2", 1))
	r.until(t, "a-n x:1", "web-n example.org/x:2")
	serve("nonsense")
	if err := os.WriteFile(file, []byte(describe("a", "x:2")), 0o600); err != nil {
		t.Fatal(err)
	}
	r.until(t, "a-n x:2", "web-n example.org/x:2")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	r.until(t, "web-n example.org/x:2")
}
