package spec

import (
	"bytes"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"
)

func TestTheSpecificationIsSound(t *testing.T) {
	set, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if got := len(set.All()); got < 60 {
		t.Errorf("%d behaviours, want at least 60", got)
	}
	for _, b := range set.All() {
		if found, known := set.Lookup(b.ID); !known || found.Title != b.Title {
			t.Errorf("%s cannot be looked up", b.ID)
		}
	}
	if _, known := set.Lookup("pods/none-such"); known {
		t.Error("an unknown id is found")
	}
}

// behaviour is a sound one, to spoil.
const behaviour = `
- id: pods/one
  title: A pod is one.
  level: must
  sources: ["docs: concepts/workloads/pods#one"]
  component: kubelet
`

func TestLoadNamesEveryProblem(t *testing.T) {
	for name, c := range map[string]struct{ file, text, want string }{
		"sound":               {"pods.yaml", behaviour, ""},
		"id without area":     {"pods.yaml", strings.Replace(behaviour, "pods/one", "one", 1), `id "one"`},
		"upper case id":       {"pods.yaml", strings.Replace(behaviour, "pods/one", "pods/One", 1), `id "pods/One"`},
		"wrong file":          {"nodes.yaml", behaviour, `belongs to area "pods"`},
		"twice":               {"pods.yaml", behaviour + behaviour, "given twice"},
		"no sentence":         {"pods.yaml", strings.Replace(behaviour, "A pod is one.", "A pod", 1), `title "A pod"`},
		"two sentences":       {"pods.yaml", strings.Replace(behaviour, "A pod is one.", "A pod. Is one.", 1), "one sentence"},
		"unknown level":       {"pods.yaml", strings.Replace(behaviour, "must", "may", 1), `level "may"`},
		"unknown component":   {"pods.yaml", strings.Replace(behaviour, "kubelet", "kublet", 1), `component "kublet"`},
		"source without kind": {"pods.yaml", strings.Replace(behaviour, "docs: ", "", 1), "source"},
		"no sources":          {"pods.yaml", strings.Replace(behaviour, `["docs: concepts/workloads/pods#one"]`, "[]", 1), "sources is empty"},
		"unknown need":        {"pods.yaml", behaviour + "  needs: [\"gpu\"]\n", `need "gpu"`},
		"unknown field":       {"pods.yaml", behaviour + "  titel: x\n", "titel"},
		"malformed since":     {"pods.yaml", behaviour + "  since: v1.9\n", `since "v1.9"`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := load(fstest.MapFS{c.file: {Data: []byte(c.text)}})
			switch {
			case c.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
				t.Errorf("got %v, want an error with %q", err, c.want)
			}
		})
	}
}

func TestEditsIsADistance(t *testing.T) {
	word := rapid.StringMatching(`[a-d]{0,6}`)
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := word.Draw(t, "a"), word.Draw(t, "b"), word.Draw(t, "c")
		if d := edits(a, b); (d == 0) != (a == b) || d != edits(b, a) || d > max(len(a), len(b)) {
			t.Errorf("edits(%q, %q) = %d", a, b, d)
		}
		if edits(a, c) > edits(a, b)+edits(b, c) {
			t.Errorf("the way from %q to %q by %q is shorter", a, c, b)
		}
	})
}

func TestNear(t *testing.T) {
	ids := []string{"pods/restart-always", "pods/restart-never", "services/headless"}
	for text, want := range map[string]string{
		"pods/restart-alway": "pods/restart-always", "restart-never": "pods/restart-never", "pod/headless": "services/headless", "heedless": "services/headless",
	} {
		if got := Near(text, ids, 3); len(got) == 0 || got[0] != want {
			t.Errorf("near %q are %v, want %s first", text, got, want)
		}
	}
	if got := Near("quantum", ids, 3); len(got) > 0 {
		t.Errorf("near %q are %v, want none", "quantum", got)
	}
}

// run runs `etalon spec` with arguments.
func run(t *testing.T, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := Command()
	cmd.SetArgs(args)
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	err := cmd.Execute()
	return out.String(), err
}

func TestCommand(t *testing.T) {
	for _, c := range []struct {
		args string
		want []string
	}{
		{"list", []string{"ID ", "LEVEL", "pods/phases", "namespaces/initial"}},
		{"list pods", []string{"pods/phases"}},
		{"list -o json namespaces", []string{`"id": "namespaces/initial"`}},
		{"list -o yaml namespaces", []string{"id: namespaces/initial"}},
		{"show pods/phases", []string{"pods/phases\n", "https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase", "etalon conformance --focus pods/phases"}},
		{"show pods/phases -o json", []string{`"component": "kubelet"`}},
	} {
		out, err := run(t, strings.Fields(c.args)...)
		if err != nil {
			t.Errorf("%s: %v", c.args, err)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%s lacks %q:\n%s", c.args, want, out)
			}
		}
	}
	for args, want := range map[string]string{
		"show pods/phase": "did you mean pods/phase", "list pod": "did you mean pods", "list -o xml": `unknown output "xml"`, "show": "accepts 1 arg",
	} {
		if out, err := run(t, strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s gives %v, want %q:\n%s", args, err, want, out)
		}
	}
}
