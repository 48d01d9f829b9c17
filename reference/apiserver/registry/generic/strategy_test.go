package generic

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/endpoints/request"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// example is a resource with every half and option that the strategies look at.
var example = Resource[*appsv1.ReplicaSet]{
	GV: appsv1.SchemeGroupVersion, Plural: "replicasets", Singular: "replicaset",
	Object: &appsv1.ReplicaSet{}, List: &appsv1.ReplicaSetList{},
	Spec:       func(r *appsv1.ReplicaSet) any { return &r.Spec },
	Status:     func(r *appsv1.ReplicaSet) any { return &r.Status },
	Generation: true,
}

func replicaSet(replicas, observed int32, labels map[string]string) *appsv1.ReplicaSet {
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{Generation: 4, Labels: labels},
		Spec:       appsv1.ReplicaSetSpec{Replicas: ptr.To(replicas)}, Status: appsv1.ReplicaSetStatus{Replicas: observed},
	}
}

func TestCreateClearsStatusAndStartsGeneration(t *testing.T) {
	r := replicaSet(3, 3, nil)
	strategy[*appsv1.ReplicaSet]{r: &example}.PrepareForCreate(context.Background(), r)
	if r.Generation != 1 || r.Status.Replicas != 0 || *r.Spec.Replicas != 3 {
		t.Errorf("got %+v", r)
	}
	keep := example
	keep.StatusOnCreate = true
	r = replicaSet(3, 3, nil)
	strategy[*appsv1.ReplicaSet]{r: &keep}.PrepareForCreate(context.Background(), r)
	if r.Status.Replicas != 3 {
		t.Error("StatusOnCreate lost the status")
	}
}

func TestUpdateKeepsStatusAndCountsSpecChanges(t *testing.T) {
	old := replicaSet(3, 2, nil)
	for _, c := range []struct {
		name       string
		update     *appsv1.ReplicaSet
		generation int64
	}{
		{"spec", replicaSet(5, 2, nil), 5},
		{"status only", replicaSet(3, 9, nil), 4},
		{"labels only", replicaSet(3, 2, map[string]string{"a": "b"}), 4},
	} {
		strategy[*appsv1.ReplicaSet]{r: &example}.PrepareForUpdate(context.Background(), c.update, old)
		if c.update.Generation != c.generation || c.update.Status.Replicas != 2 {
			t.Errorf("%s: generation %d, status.replicas %d", c.name, c.update.Generation, c.update.Status.Replicas)
		}
	}
}

func TestStatusUpdateKeepsSpec(t *testing.T) {
	old := replicaSet(3, 2, map[string]string{"kept": "yes"})
	r := replicaSet(7, 5, map[string]string{"new": "label"})
	example.StatusStrategy().PrepareForUpdate(context.Background(), r, old)
	if *r.Spec.Replicas != 3 || r.Status.Replicas != 5 || r.Labels["new"] != "label" || r.Generation != 4 {
		t.Errorf("got %+v", r)
	}
	strict := example
	strict.StatusKeepsMeta = true
	r = replicaSet(7, 5, map[string]string{"new": "label"})
	strict.StatusStrategy().PrepareForUpdate(context.Background(), r, old)
	if r.Labels["kept"] != "yes" || r.Labels["new"] != "" {
		t.Errorf("labels %v", r.Labels)
	}
}

func TestResetFields(t *testing.T) {
	main := strategy[*appsv1.ReplicaSet]{r: &example}.GetResetFields()["apps/v1"]
	if !main.Has(fieldpath.MakePathOrDie("status")) || main.Has(fieldpath.MakePathOrDie("spec")) {
		t.Errorf("main: %v", main)
	}
	withLabels := example
	withLabels.StatusResets = []string{"metadata.labels"}
	status := withLabels.StatusStrategy().GetResetFields()["apps/v1"]
	if !status.Has(fieldpath.MakePathOrDie("spec")) || !status.Has(fieldpath.MakePathOrDie("metadata", "labels")) {
		t.Errorf("status: %v", status)
	}
}

func TestDeleteStrategies(t *testing.T) {
	if _, ok := example.deleteStrategy().(rest.RESTGracefulDeleteStrategy); ok {
		t.Error("a resource without Grace is deleted gracefully")
	}
	orphaning := example
	orphaning.Propagation = func(context.Context) rest.GarbageCollectionPolicy { return rest.OrphanDependents }
	gc, ok := orphaning.deleteStrategy().(rest.GarbageCollectionDeleteStrategy)
	if !ok || gc.DefaultGarbageCollectionPolicy(context.Background()) != rest.OrphanDependents {
		t.Error("Propagation is not asked")
	}
	gracious := example
	gracious.Grace = func(_ *appsv1.ReplicaSet, o *metav1.DeleteOptions) { o.GracePeriodSeconds = ptr.To[int64](9) }
	graceful, ok := gracious.deleteStrategy().(rest.RESTGracefulDeleteStrategy)
	options := &metav1.DeleteOptions{}
	if !ok || !graceful.CheckGracefulDelete(context.Background(), &appsv1.ReplicaSet{}, options) || *options.GracePeriodSeconds != 9 {
		t.Error("Grace is not asked")
	}
}

func TestWarnings(t *testing.T) {
	ctx, r, old := context.Background(), replicaSet(1, 1, nil), replicaSet(2, 2, nil)
	if w := (strategy[*appsv1.ReplicaSet]{r: &example}).WarningsOnCreate(ctx, r); w != nil {
		t.Errorf("warned of nothing: %q", w)
	}
	warns := example
	warns.Warnings = func(_, old *appsv1.ReplicaSet) []string {
		if old == nil {
			return []string{"new"}
		}
		return []string{"replaced"}
	}
	s := strategy[*appsv1.ReplicaSet]{r: &warns}
	if w := s.WarningsOnCreate(ctx, r); len(w) != 1 || w[0] != "new" {
		t.Errorf("created: %q", w)
	}
	if w := s.WarningsOnUpdate(ctx, r, old); len(w) != 1 || w[0] != "replaced" {
		t.Errorf("updated: %q", w)
	}
	if w := warns.StatusStrategy().WarningsOnUpdate(ctx, r, old); w != nil {
		t.Errorf("a write to the status warned: %q", w)
	}
}

// Whether a write changes anything is decided by comparing both objects whole.
func TestAnUpdateComparesObjectsWithoutKinds(t *testing.T) {
	for name, s := range map[string]rest.RESTUpdateStrategy{
		"main": strategy[*appsv1.ReplicaSet]{r: &example}, "status": example.StatusStrategy(),
	} {
		old, r := replicaSet(3, 2, nil), replicaSet(3, 2, nil)
		old.SetGroupVersionKind(appsv1.SchemeGroupVersion.WithKind("ReplicaSet"))
		s.PrepareForUpdate(context.Background(), r, old)
		if diff := cmp.Diff(old, r); diff != "" {
			t.Errorf("%s: an update that changes nothing differs:\n%s", name, diff)
		}
	}
}

// TestErrorsAreSaidOnce: the machinery, the rules for new objects and those for replacements all judge the metadata.
func TestErrorsAreSaidOnce(t *testing.T) {
	said := example
	said.Validate = func(r *appsv1.ReplicaSet) field.ErrorList {
		return validation.ValidateObjectMeta(&r.ObjectMeta, true, validation.NameIsDNSSubdomain, field.NewPath("metadata"))
	}
	said.ValidateUpdate = func(r, old *appsv1.ReplicaSet) field.ErrorList {
		return append(validation.ValidateObjectMetaUpdate(&r.ObjectMeta, &old.ObjectMeta, field.NewPath("metadata")), said.Validate(r)...)
	}
	s := strategy[*appsv1.ReplicaSet]{r: &said}
	r, old := replicaSet(1, 1, map[string]string{"a b": ""}), replicaSet(1, 1, nil)
	for _, o := range []*appsv1.ReplicaSet{r, old} {
		o.Name, o.Namespace, o.ResourceVersion = "r", "ns", "1"
	}
	for name, errs := range map[string]field.ErrorList{
		"update": rest.ValidateUpdate(context.Background(), r, old, s),
		"create": rest.ValidateCreate(context.Background(), r, s),
	} {
		count := 0
		for _, e := range errs {
			if e.Field == "metadata.labels" {
				count++
			}
		}
		if count != 1 {
			t.Errorf("%s: wanted one error about the label, got %v", name, errs)
		}
	}
}

// TestVersionOfTheRequest: where a resource asks for it, rules know what the client speaks.
func TestVersionOfTheRequest(t *testing.T) {
	var asked []string
	versioned := example
	versioned.ValidateFor = func(v schema.GroupVersion, _ *appsv1.ReplicaSet) field.ErrorList {
		asked = append(asked, v.String())
		return nil
	}
	versioned.ValidateUpdateFor = func(v schema.GroupVersion, _, _ *appsv1.ReplicaSet) field.ErrorList {
		asked = append(asked, "update of "+v.String())
		return nil
	}
	s, r := strategy[*appsv1.ReplicaSet]{r: &versioned}, replicaSet(1, 1, nil)
	ctx := request.WithRequestInfo(context.Background(), &request.RequestInfo{APIGroup: "other", APIVersion: "v2", Resource: "replicasets"})
	foreign := request.WithRequestInfo(context.Background(), &request.RequestInfo{APIGroup: "other", APIVersion: "v2", Resource: "pods"})
	s.Validate(ctx, r)
	s.ValidateUpdate(ctx, r, r)
	s.Validate(foreign, r)
	s.Validate(context.Background(), r)
	if diff := cmp.Diff([]string{"other/v2", "update of other/v2", "apps/v1", "apps/v1"}, asked); diff != "" {
		t.Error(diff)
	}
}
