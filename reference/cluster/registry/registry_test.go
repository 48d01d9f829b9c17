package registry

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"pgregory.net/rapid"

	"github.com/etalon-dev/etalon/fixtures/images"
)

func store(t *testing.T) *Store {
	t.Helper()
	s, err := Open(filepath.Join(t.TempDir(), "registry"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func image(t *testing.T) v1.Image {
	t.Helper()
	i, err := random.Image(256, 2)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

func digest(t *testing.T, i v1.Image) v1.Hash {
	t.Helper()
	d, err := i.Digest()
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestShortNamesStandForFullOnes(t *testing.T) {
	for short, want := range map[string]string{
		"busybox":                  "docker.io/library/busybox:latest",
		"busybox:1.37":             "docker.io/library/busybox:1.37",
		"grafana/grafana":          "docker.io/grafana/grafana:latest",
		"docker.io/busybox":        "docker.io/library/busybox:latest",
		"etalon.dev/tool:v1":       "etalon.dev/tool:v1",
		"registry.k8s.io/pause:3":  "registry.k8s.io/pause:3",
		"localhost:5000/a/b/c:tag": "localhost:5000/a/b/c:tag",
	} {
		if got, err := Normalize(short); err != nil || got != want {
			t.Errorf("Normalize(%q) = %q, %v; want %q", short, got, err, want)
		}
	}
	for _, wrong := range []string{"", "UPPER", "a:b:c"} {
		if got, err := Normalize(wrong); err == nil {
			t.Errorf("Normalize(%q) = %q; want an error", wrong, got)
		}
	}
}

func TestNormalizingTwiceChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		short := rapid.StringMatching(`([a-z]{1,5}\.[a-z]{2,3}/)?[a-z]{1,8}(/[a-z]{1,8})?(:[a-z0-9]{1,5})?`).Draw(t, "name")
		once, err := Normalize(short)
		if err != nil {
			t.Fatal(err)
		}
		if twice, err := Normalize(once); err != nil || twice != once {
			t.Fatalf("%q gives %q gives %q, %v", short, once, twice, err)
		}
	})
}

func TestAnImageIsPulledByTagAndByDigest(t *testing.T) {
	s, i := store(t), image(t)
	if err := s.AddImage("etalon.dev/tool:v1", i); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	base := strings.TrimPrefix(server.URL, "http://") + "/etalon.dev/tool"
	for _, reference := range []string{base + ":v1", base + "@" + digest(t, i).String()} {
		ref, err := name.ParseReference(reference, name.Insecure)
		if err != nil {
			t.Fatal(err)
		}
		got, err := remote.Image(ref)
		if err != nil {
			t.Fatalf("pull %s: %v", reference, err)
		}
		if digest(t, got) != digest(t, i) {
			t.Errorf("%s is %v, want %v", reference, digest(t, got), digest(t, i))
		}
		layers, err := got.Layers()
		if err != nil || len(layers) != 2 {
			t.Fatalf("layers %v, %v", layers, err)
		}
		content, err := layers[1].Compressed()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			t.Errorf("layer: %v", err) // remote verifies the digest as it reads
		}
	}
}

func TestTheMirrorFormAndWhatIsRefused(t *testing.T) {
	s, i := store(t), image(t)
	if err := s.AddImage("docker.io/library/busybox:1.37", i); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.Handler())
	defer server.Close()
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/v2/", 200, ""},
		{"HEAD", "/v2/library/busybox/manifests/1.37?ns=docker.io", 200, ""},
		{"GET", "/v2/library/busybox/manifests/1.37?ns=docker.io", 200, "schemaVersion"},
		{"GET", "/v2/library/busybox/manifests/1.37?ns=quay.io", 404, "MANIFEST_UNKNOWN"},
		{"GET", "/v2/library/busybox/manifests/1.38?ns=docker.io", 404, "MANIFEST_UNKNOWN"},
		{"GET", "/v2/any/name/manifests/" + digest(t, i).String(), 200, "schemaVersion"},
		{"GET", "/v2/any/name/blobs/sha256:" + strings.Repeat("0", 64), 404, "BLOB_UNKNOWN"},
		{"GET", "/v2/any/name/blobs/../../../etc/passwd", 404, ""},
		{"GET", "/v2/any/name/blobs/sha256:..%2f..%2findex.json", 404, ""},
		{"GET", "/v2/library/busybox/tags/list?ns=docker.io", 200, `"1.37"`},
		{"PUT", "/v2/library/busybox/manifests/1.37", 405, "UNSUPPORTED"},
		{"GET", "/", 404, "NAME_UNKNOWN"},
	} {
		request, err := http.NewRequest(c.method, server.URL+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != c.status || !strings.Contains(string(body), c.body) {
			t.Errorf("%s %s: %d %s; want %d with %q", c.method, c.path, answer.StatusCode, body, c.status, c.body)
		}
		if strings.Contains(c.path, "manifests") && c.status == 200 && answer.Header.Get("Docker-Content-Digest") != digest(t, i).String() {
			t.Errorf("%s %s has no digest: %v", c.method, c.path, answer.Header)
		}
	}
}

func TestALaterImageTakesTheNameOver(t *testing.T) {
	s := store(t)
	for range 2 {
		i := image(t)
		if err := s.AddImage("a.example/b:1", i); err != nil {
			t.Fatal(err)
		}
		got, ok, err := s.Find("a.example/b:1")
		if err != nil || !ok || got.Digest != digest(t, i) {
			t.Errorf("found %v, %v, %v; want %v", got.Digest, ok, err, digest(t, i))
		}
	}
	if names, err := s.Names(); err != nil || len(names) != 1 {
		t.Errorf("names: %v, %v", names, err)
	}
}

func TestWritersAtOnceLoseNothing(t *testing.T) {
	s := store(t)
	var all sync.WaitGroup
	const writers = 8
	for n := range writers {
		i := image(t)
		all.Add(1)
		go func() {
			defer all.Done()
			if err := s.AddImage("a.example/b:"+string(rune('a'+n)), i); err != nil {
				t.Error(err)
			}
		}()
	}
	all.Wait()
	if names, err := s.Names(); err != nil || len(names) != writers {
		t.Errorf("names: %v, %v; want %d", names, err, writers)
	}
}

func TestADockerArchiveIsLoaded(t *testing.T) {
	i := image(t)
	file := filepath.Join(t.TempDir(), "docker.tar")
	tag, err := name.NewTag("busybox:1.37")
	if err != nil {
		t.Fatal(err)
	}
	if err := tarball.WriteToFile(file, tag, i); err != nil {
		t.Fatal(err)
	}
	if names, err := store(t).Load(file); err != nil || !reflect.DeepEqual(names, []string{"docker.io/library/busybox:1.37"}) {
		t.Fatalf("loaded %v, %v", names, err)
	}
}

func TestWhatIsWrittenIsLoaded(t *testing.T) {
	file := filepath.Join(t.TempDir(), "images.tar")
	if err := Write(file, []images.Named{{Name: "etalon.dev/a:1", Image: image(t)}, {Name: "etalon.dev/b:1", Image: image(t)}}); err != nil {
		t.Fatal(err)
	}
	names, err := store(t).Load(file)
	slices.Sort(names)
	if err != nil || !reflect.DeepEqual(names, []string{"etalon.dev/a:1", "etalon.dev/b:1"}) {
		t.Fatalf("loaded %v, %v", names, err)
	}
}

func TestAnOCIArchiveIsLoadedByItsNames(t *testing.T) {
	from, i := store(t), image(t)
	if err := from.AddImage("etalon.dev/x:1", i); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "oci.tar")
	tarDirectory(t, from.Dir, file)
	to := store(t)
	names, err := to.Load(file)
	if err != nil || !reflect.DeepEqual(names, []string{"etalon.dev/x:1"}) {
		t.Fatalf("loaded %v, %v", names, err)
	}
	got, ok, err := to.Find("etalon.dev/x:1")
	if err != nil || !ok || got.Digest != digest(t, i) {
		t.Errorf("found %v, %v, %v", got, ok, err)
	}
}

func TestWhatIsNoArchiveIsRefusedInOneLine(t *testing.T) {
	file := filepath.Join(t.TempDir(), "x.tar")
	if err := os.WriteFile(file, []byte("not a tar"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{file, file + ".missing"} {
		if _, err := store(t).Load(f); err == nil || strings.Contains(err.Error(), "\n") {
			t.Errorf("load %s: %v", f, err)
		}
	}
}

func TestTheIndexStaysValidJSON(t *testing.T) {
	s := store(t)
	b, err := os.ReadFile(filepath.Join(s.Dir, "index.json"))
	var index v1.IndexManifest
	if err != nil || json.Unmarshal(b, &index) != nil || index.Manifests == nil {
		t.Errorf("an empty store has the index %s, %v", b, err)
	}
}
