package validation_test

import (
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/reference/apiserver/defaults"
)

// served has every published kind, with our defaults.
var served = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(s))
	defaults.Register(s)
	return s
}()

type object[T any] interface {
	*T
	runtime.Object
}

// read decodes a manifest and defaults it, as the API server does with what it is sent.
func read[T any, P object[T]](t *testing.T, manifest string) *T {
	t.Helper()
	o := P(new(T))
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatalf("bad manifest: %v", err)
	}
	served.Default(o)
	return (*T)(o)
}

// row changes a valid object and says what is to be said about it: the whole text, "" for nothing.
type row[T any] struct {
	name   string
	change func(*T)
	want   string
}

// table checks rows against a rule for new objects.
func table[T any, P object[T]](t *testing.T, manifest string, validate func(*T) field.ErrorList, rows []row[T]) {
	t.Helper()
	for _, r := range append(rows, row[T]{"unchanged", func(*T) {}, ""}) {
		t.Run(r.name, func(t *testing.T) {
			o := read[T, P](t, manifest)
			r.change(o)
			expect(t, validate(o), r.want)
		})
	}
}

// updates checks rows against a rule for replacements of the object in the manifest.
func updates[T any, P object[T]](t *testing.T, manifest string, validate func(o, old *T) field.ErrorList, rows []row[T]) {
	t.Helper()
	for _, r := range append(rows, row[T]{"unchanged", func(*T) {}, ""}) {
		t.Run("update/"+r.name, func(t *testing.T) {
			o, old := read[T, P](t, manifest), read[T, P](t, manifest)
			for _, each := range []*T{o, old} {
				any(each).(metav1.Object).SetResourceVersion("1")
			}
			r.change(o)
			expect(t, validate(o, old), r.want)
		})
	}
}

func expect(t *testing.T, errs field.ErrorList, want string) {
	t.Helper()
	var got string
	if len(errs) > 0 {
		got = strings.ReplaceAll(errs.ToAggregate().Error(), "\u00a0", " ")
	}
	if prefix, open := strings.CutSuffix(want, "…"); open && strings.HasPrefix(got, prefix) {
		return
	}
	if got != want {
		t.Errorf("wanted %q,\n   got %q", want, got)
	}
}

func ptr[T any](v T) *T { return &v }

// manifests checks whole objects against a rule for new ones: a manifest, and what is to be said of it.
func manifests[T any, P object[T]](t *testing.T, validate func(*T) field.ErrorList, pairs [][2]string) {
	t.Helper()
	for _, pair := range pairs {
		t.Run("", func(t *testing.T) {
			errs := validate(read[T, P](t, pair[0]))
			expect(t, errs, pair[1])
			if t.Failed() {
				t.Log(pair[0])
			}
		})
	}
}

// podOf is a pod with one container and more fields of the spec.
func podOf(spec string) string {
	return "{metadata: {name: web, namespace: default}, spec: {" + spec + ", containers: [{name: c, image: i}]}}"
}

// podWith is a pod whose container has more fields.
func podWith(container string) string {
	return "{metadata: {name: web, namespace: default}, spec: {containers: [{name: c, image: i, " + container + "}]}}"
}
