package defaults

import (
	"math/rand"
	"testing"

	"k8s.io/apimachinery/pkg/api/apitesting/fuzzer"
	apiequality "k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metafuzzer "k8s.io/apimachinery/pkg/apis/meta/fuzzer"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/diff"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"pgregory.net/rapid"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"
)

var served = func() *runtime.Scheme {
	s := runtime.NewScheme()
	utilruntime.Must(scheme.AddToScheme(s))
	Register(s)
	return s
}()

// versions are what is served, and what of it may be written.
var versions = func() []schema.GroupVersion {
	var out []schema.GroupVersion
	for _, gv := range served.PrioritizedVersionsAllGroups() {
		if gv.Version == "v1" || gv.Version == "v2" {
			out = append(out, gv)
		}
	}
	return out
}()

func read[T any, P object[T]](t *testing.T, manifest string) *T {
	t.Helper()
	o := P(new(T))
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatalf("bad manifest: %v", err)
	}
	served.Default(o)
	return (*T)(o)
}

// equals compares an object with a manifest of the same type that is not defaulted.
func equals[T any](t *testing.T, got *T, manifest string) {
	t.Helper()
	want := new(T)
	if err := yaml.UnmarshalStrict([]byte(manifest), want); err != nil {
		t.Fatalf("bad manifest: %v", err)
	}
	if !apiequality.Semantic.DeepEqual(want, got) {
		t.Errorf("wanted (-), got (+):\n%s", diff.Diff(want, got))
	}
}

// TestIdempotent defaults random objects of every kind twice.
func TestIdempotent(t *testing.T) {
	for _, gv := range versions {
		for kind, goType := range served.KnownTypes(gv) {
			if !isStored(gv, kind, goType) {
				continue
			}
			t.Run(gv.Group+"/"+kind, func(t *testing.T) {
				rapid.Check(t, func(t *rapid.T) {
					o, err := served.New(gv.WithKind(kind))
					if err != nil {
						t.Fatal(err)
					}
					filler(rapid.Int64().Draw(t, "seed"), rapid.Float64Range(0, 1).Draw(t, "absent")).Fill(o)
					served.Default(o)
					once := o.DeepCopyObject()
					served.Default(o)
					if !apiequality.Semantic.DeepEqual(once, o) {
						t.Fatalf("defaulting again changed:\n%s", diff.Diff(once, o))
					}
				})
			})
		}
	}
}

func filler(seed int64, absent float64) *randfill.Filler {
	funcs := fuzzer.MergeFuzzerFuncs(metafuzzer.Funcs, func(serializer.CodecFactory) []any {
		return []any{
			func(q *resource.Quantity, c randfill.Continue) {
				*q = *resource.NewScaledQuantity(c.Int63n(1<<40), resource.Nano)
			},
			func(r *runtime.RawExtension, c randfill.Continue) { r.Raw = []byte("{}") },
		}
	})
	return fuzzer.FuzzerFor(funcs, rand.NewSource(seed), serializer.NewCodecFactory(served)).NilChance(absent).NumElements(0, 2)
}
