package images

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/distribution/reference"
)

func TestWhichImagesAPluginIsFor(t *testing.T) {
	for _, c := range []struct {
		pattern, image string
		want           bool
	}{
		{"example.org", "example.org/x:1", true}, {"example.org", "a.example.org/x", false}, {"*.example.org", "a.example.org/x", true},
		{"*.example.org", "a.b.example.org/x", false}, {"*.*.example.org", "a.b.example.org/x", true}, {"app*.example.org", "app1.example.org/x", true},
		{"example.org:5000", "example.org:5000/x", true}, {"example.org:5000", "example.org/x", false}, {"example.org", "example.org:5000/x", true},
		{"example.org/team", "example.org/team/x", true}, {"example.org/team", "example.org/other/x", false}, {"docker.io", "busybox", true},
		{"[", "example.org/x", false},
	} {
		named, err := reference.ParseNormalizedNamed(c.image)
		if err != nil {
			t.Fatal(err)
		}
		if got := covers(c.pattern, named); got != c.want {
			t.Errorf("%s for %s: got %v", c.pattern, c.image, got)
		}
	}
}

// plugin writes a program that counts its runs, keeps what it was asked and answers.
func plugin(t *testing.T, answer string) (dir string, runs func() int) {
	dir = t.TempDir()
	script := "#!/bin/sh\ncat >>" + dir + "/asked\necho >>" + dir + "/asked\necho \"$GREETING $1\" >" + dir + "/env\ncat <<'EOF'\n" + answer + "\nEOF\n"
	if err := os.WriteFile(filepath.Join(dir, "p"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir, func() int {
		text, _ := os.ReadFile(filepath.Join(dir, "asked"))
		return strings.Count(string(text), "\n")
	}
}

const providerConfig = `apiVersion: kubelet.config.k8s.io/v1
kind: CredentialProviderConfig
providers:
- name: p
  matchImages: ["*.example.org"]
  defaultCacheDuration: 10m
  apiVersion: credentialprovider.kubelet.k8s.io/v1
  args: [now]
  env: [{name: GREETING, value: hello}]
`

func answered(key, duration string) string {
	return `{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1","cacheKeyType":"` + key + `",` + duration +
		`"auth":{"*.example.org":{"username":"u","password":"p"},"*.example.org/team":{"username":"team","password":"p"},"other.org":{"username":"no"}}}`
}

func TestAPluginIsAskedAndItsAnswerKept(t *testing.T) {
	dir, runs := plugin(t, answered("Registry", ""))
	p, err := parseProviders([]byte(providerConfig), dir)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	p.now = func() time.Time { return now }
	got := p.For(t.Context(), nil, parse(t, "a.example.org/team/x:1"))
	if len(got) != 2 || got[0].Auth.Username != "team" || got[1].Auth.Username != "u" || got[1].Auth.Password != "p" {
		t.Fatalf("got %v", got)
	}
	asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
	if want := `{"kind":"CredentialProviderRequest","apiVersion":"credentialprovider.kubelet.k8s.io/v1","image":"a.example.org/team/x"}`; strings.TrimSpace(string(asked)) != want {
		t.Errorf("it was asked %s", asked)
	}
	if env, _ := os.ReadFile(filepath.Join(dir, "env")); string(env) != "hello now\n" {
		t.Errorf("it was run with %s", env)
	}
	for _, step := range []struct {
		image string
		after time.Duration
		runs  int
	}{{"a.example.org/y", 0, 1}, {"b.example.org/y", 0, 2}, {"other.org/y", 0, 2}, {"a.example.org/y", 10 * time.Minute, 3}} {
		now = now.Add(step.after)
		p.For(t.Context(), nil, parse(t, step.image))
		if runs() != step.runs {
			t.Errorf("%s after %v: %d runs, want %d", step.image, step.after, runs(), step.runs)
		}
	}
}

func TestWhatIsNotToBeKeptIsAskedAgain(t *testing.T) {
	dir, runs := plugin(t, answered("Global", `"cacheDuration":"0s",`))
	p, err := parseProviders([]byte(providerConfig), dir)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 2 {
		if got := p.For(t.Context(), nil, parse(t, "a.example.org/x")); len(got) != 1 || runs() != i+1 {
			t.Errorf("got %v after %d runs", got, runs())
		}
	}
}

func TestAPluginThatFailsGivesNothing(t *testing.T) {
	for _, answer := range []string{"", "{", `{"kind":"CredentialProviderResponse","apiVersion":"credentialprovider.kubelet.k8s.io/v1beta1","cacheKeyType":"Image"}`, answered("Moon", "")} {
		dir, _ := plugin(t, answer)
		p, err := parseProviders([]byte(providerConfig), dir)
		if err != nil {
			t.Fatal(err)
		}
		if got := p.For(t.Context(), nil, parse(t, "a.example.org/x")); len(got) != 0 {
			t.Errorf("%s: got %v", answer, got)
		}
	}
	p, err := parseProviders([]byte(providerConfig), t.TempDir())
	if err != nil || len(p.For(t.Context(), nil, parse(t, "a.example.org/x"))) != 0 {
		t.Errorf("without the program: %v", err)
	}
}

func TestBadProvidersAreRefused(t *testing.T) {
	for old, now := range map[string]string{
		"name: p": "name: ../p", "defaultCacheDuration: 10m": "defaultCacheDuration: -1s", `matchImages: ["*.example.org"]`: "matchImages: []",
		"apiVersion: credentialprovider.kubelet.k8s.io/v1": "apiVersion: v1", "kind: CredentialProviderConfig": "kind: Other", "args: [now]": "arguments: [now]",
	} {
		if _, err := parseProviders([]byte(strings.Replace(providerConfig, old, now, 1)), ""); err == nil {
			t.Errorf("%s is accepted", now)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add([]byte(answered("Image", "")))
	f.Add([]byte("{}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		const version = "credentialprovider.kubelet.k8s.io/v1"
		if a, err := parseAnswer(text, version); err == nil && (a.APIVersion != version || a.Kind != "CredentialProviderResponse") {
			t.Errorf("accepted %+v", a)
		}
	})
}
