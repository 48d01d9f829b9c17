package defaults

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/sets"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what objects become into testdata, to be reviewed against the API reference")

const goldenDir = "testdata"

// isStored tells objects that are stored from requests, which pass.
func isStored(gv schema.GroupVersion, kind string, goType reflect.Type) bool {
	switch {
	case gv.Group == "authentication.k8s.io", gv.Group == "authorization.k8s.io", gv.Group == "imagepolicy.k8s.io":
		return false
	case kind == "Binding", kind == "Eviction", kind == "Scale", kind == "RangeAllocation":
		return false
	}
	_, is := goType.FieldByName("ObjectMeta")
	return is
}

// TestGolden: every file of testdata has two documents, what is sent and what that becomes. Each kind has a file
// (the kind in lower case) with as little as it can have; files with a suffix have more.
func TestGolden(t *testing.T) {
	wanted := sets.New[string]()
	for _, gv := range versions {
		for kind, goType := range served.KnownTypes(gv) {
			if isStored(gv, kind, goType) {
				wanted.Insert(goldenName(gv.WithKind(kind)))
			}
		}
	}
	files, err := filepath.Glob(filepath.Join(goldenDir, "*.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		wanted.Delete(filepath.Base(file))
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yaml"), func(t *testing.T) { golden(t, file) })
	}
	if wanted.Len() > 0 {
		t.Errorf("no files for %v", sets.List(wanted))
	}
}

func goldenName(gvk schema.GroupVersionKind) string {
	group, _, _ := strings.Cut(gvk.Group, ".")
	if group == "" {
		group = "core"
	}
	return fmt.Sprintf("%s_%s_%s.yaml", group, gvk.Version, strings.ToLower(gvk.Kind))
}

func golden(t *testing.T, file string) {
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	sent, want, ok := bytes.Cut(content, []byte("\n---\n"))
	if !ok && !*update {
		t.Fatal("wanted two documents")
	}
	got := defaulted(t, sent)
	if *update {
		text := append(append(bytes.TrimSuffix(sent, []byte("\n")), "\n---\n"...), got...)
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("wanted (-), got (+):\n%s", diff)
	}
}

func defaulted(t *testing.T, sent []byte) []byte {
	t.Helper()
	var kind struct{ APIVersion, Kind string }
	if err := yaml.Unmarshal(sent, &kind); err != nil {
		t.Fatal(err)
	}
	o, err := served.New(schema.FromAPIVersionAndKind(kind.APIVersion, kind.Kind))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(sent, o); err != nil {
		t.Fatal(err)
	}
	served.Default(o)
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
