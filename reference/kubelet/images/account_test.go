package images

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// people are ServiceAccounts; each token is another.
type people struct{ tokens int }

func (p *people) Account(_ context.Context, namespace, name string) (*v1.ServiceAccount, error) {
	return &v1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, UID: "uid-of-" + "a",
		Annotations: map[string]string{"example.org/role": "r-" + name, "example.org/other": "o"}}}, nil
}

func (p *people) Token(_ context.Context, pod *v1.Pod, audience string) (string, error) {
	p.tokens++
	return fmt.Sprintf("token-%d-%s-%s", p.tokens, pod.Name, audience), nil
}

func withToken(cache, more string) string {
	return providerConfig + "  tokenAttributes:\n    serviceAccountTokenAudience: registry\n    cacheType: " + cache + "\n" + more
}

const required = "    requireServiceAccount: true\n    requiredServiceAccountAnnotationKeys: [example.org/role]\n    optionalServiceAccountAnnotationKeys: [example.org/none]\n"

func podOf(name, account string) *v1.Pod {
	return &v1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "ns"}, Spec: v1.PodSpec{ServiceAccountName: account}}
}

func TestAPluginThatWantsTokensGetsThoseOfThePods(t *testing.T) {
	for _, c := range []struct {
		cache string
		runs  []int
	}{{"ServiceAccount", []int{1, 1, 2}}, {"Token", []int{1, 2, 3}}} {
		dir, runs := plugin(t, answered("Registry", ""))
		p, err := parseProviders([]byte(withToken(c.cache, required)), dir)
		if err != nil {
			t.Fatal(err)
		}
		p.Accounts = &people{}
		for i, pod := range []*v1.Pod{podOf("one", "a"), podOf("two", "a"), podOf("three", "b")} {
			got := p.For(t.Context(), pod, parse(t, "a.example.org/x"))
			if len(got) != 1 || got[0].Account == nil || got[0].Account.Name != pod.Spec.ServiceAccountName || got[0].Account.UID != "uid-of-a" {
				t.Fatalf("%s: got %+v", pod.Name, got)
			}
			if runs() != c.runs[i] {
				t.Errorf("%s, kept by %s: %d runs, want %d", pod.Name, c.cache, runs(), c.runs[i])
			}
		}
		asked, _ := os.ReadFile(filepath.Join(dir, "asked"))
		want := `"image":"a.example.org/x","serviceAccountToken":"token-1-one-registry","serviceAccountAnnotations":{"example.org/role":"r-a"}}`
		if first, _, _ := strings.Cut(string(asked), "\n"); !strings.HasSuffix(first, want) {
			t.Errorf("it was asked %s", first)
		}
	}
}

func TestPodsWithoutAccount(t *testing.T) {
	for more, want := range map[string]int{required: 0, "    requireServiceAccount: false\n": 1} {
		dir, runs := plugin(t, answered("Registry", ""))
		p, err := parseProviders([]byte(withToken("Token", more)), dir)
		if err != nil {
			t.Fatal(err)
		}
		p.Accounts = &people{}
		if got := p.For(t.Context(), podOf("static", ""), parse(t, "a.example.org/x")); len(got) != want || runs() != want {
			t.Errorf("%s: got %d credentials after %d runs, want %d", more, len(got), runs(), want)
		}
	}
}

func TestAnAccountWithoutTheAnnotationIsNotAskedFor(t *testing.T) {
	dir, runs := plugin(t, answered("Registry", ""))
	p, err := parseProviders([]byte(withToken("Token", "    requireServiceAccount: true\n    requiredServiceAccountAnnotationKeys: [example.org/lacks]\n")), dir)
	if err != nil {
		t.Fatal(err)
	}
	p.Accounts = &people{}
	if got := p.For(t.Context(), podOf("one", "a"), parse(t, "a.example.org/x")); len(got) != 0 || runs() != 0 {
		t.Errorf("got %v after %d runs", got, runs())
	}
}

func TestBadTokenAttributesAreRefused(t *testing.T) {
	for name, text := range map[string]string{
		"no account is wanted, its annotation is": withToken("Token", "    requireServiceAccount: false\n    requiredServiceAccountAnnotationKeys: [example.org/role]\n"),
		"unclear":           withToken("Token", ""),
		"cache":             withToken("Moon", required),
		"annotation twice":  withToken("Token", required+"    optionalServiceAccountAnnotationKeys: [example.org/role]\n"),
		"annotation's name": withToken("Token", "    requireServiceAccount: true\n    requiredServiceAccountAnnotationKeys: ['not a name']\n"),
		"old version":       strings.Replace(withToken("Token", required), "credentialprovider.kubelet.k8s.io/v1", "credentialprovider.kubelet.k8s.io/v1beta1", 1),
	} {
		if _, err := parseProviders([]byte(text), t.TempDir()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
