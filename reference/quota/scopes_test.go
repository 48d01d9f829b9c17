package quota

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func TestScopes(t *testing.T) {
	scope := func(name corev1.ResourceQuotaScope, op corev1.ScopeSelectorOperator, values ...string) corev1.ScopedResourceSelectorRequirement {
		return corev1.ScopedResourceSelectorRequirement{ScopeName: name, Operator: op, Values: values}
	}
	const exists, doesNotExist, in, notIn = corev1.ScopeSelectorOpExists, corev1.ScopeSelectorOpDoesNotExist, corev1.ScopeSelectorOpIn, corev1.ScopeSelectorOpNotIn
	const terminating, bestEffort, priority, elsewhere, attributes = corev1.ResourceQuotaScopeTerminating, corev1.ResourceQuotaScopeBestEffort,
		corev1.ResourceQuotaScopePriorityClass, corev1.ResourceQuotaScopeCrossNamespacePodAffinity, corev1.ResourceQuotaScopeVolumeAttributesClass
	plain := newPod(nil, container("c", nil, nil))
	deadline := newPod(func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr.To[int64](0) }, container("c", nil, nil))
	burstable := newPod(nil, container("c", list("cpu", "1"), nil))
	important := newPod(func(p *corev1.Pod) { p.Spec.PriorityClassName = "high" }, container("c", nil, nil))
	affine := func(a *corev1.Affinity) *corev1.Pod {
		return newPod(func(p *corev1.Pod) { p.Spec.Affinity = a }, container("c", nil, nil))
	}
	near := affine(&corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{}}}})
	far := affine(&corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
		{PodAffinityTerm: corev1.PodAffinityTerm{Namespaces: []string{"other"}}}}}})
	anywhere := affine(&corev1.Affinity{PodAffinity: &corev1.PodAffinity{RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{NamespaceSelector: &metav1.LabelSelector{}}}}})
	fast := newClaim("", "1Gi", func(c *corev1.PersistentVolumeClaim) {
		c.Spec.VolumeAttributesClassName = ptr.To("fast")
		c.Status.CurrentVolumeAttributesClassName = ptr.To("slow")
	})
	for _, c := range []struct {
		name  string
		o     runtime.Object
		scope corev1.ScopedResourceSelectorRequirement
		want  bool
	}{
		{"plain", plain, scope(terminating, exists), false},
		{"plain", plain, scope(corev1.ResourceQuotaScopeNotTerminating, exists), true},
		{"deadline", deadline, scope(terminating, exists), true},
		{"deadline", deadline, scope(corev1.ResourceQuotaScopeNotTerminating, exists), false},
		{"plain", plain, scope(bestEffort, exists), true},
		{"plain", plain, scope(corev1.ResourceQuotaScopeNotBestEffort, exists), false},
		{"burstable", burstable, scope(bestEffort, exists), false},
		{"burstable", burstable, scope(corev1.ResourceQuotaScopeNotBestEffort, exists), true},
		{"plain", plain, scope(priority, exists), false},
		{"plain", plain, scope(priority, doesNotExist), true},
		{"plain", plain, scope(priority, in, "high"), false},
		{"plain", plain, scope(priority, notIn, "high"), true},
		{"important", important, scope(priority, exists), true},
		{"important", important, scope(priority, doesNotExist), false},
		{"important", important, scope(priority, in, "low", "high"), true},
		{"important", important, scope(priority, notIn, "high"), false},
		{"plain", plain, scope(elsewhere, exists), false},
		{"near", near, scope(elsewhere, exists), false},
		{"far", far, scope(elsewhere, exists), true},
		{"anywhere", anywhere, scope(elsewhere, exists), true},
		{"plain", plain, scope(attributes, exists), false},
		{"fast claim", fast, scope(attributes, in, "slow"), true},
		{"fast claim", fast, scope(attributes, in, "other"), false},
		{"fast claim", fast, scope(attributes, exists), true},
		{"fast claim", fast, scope(terminating, exists), false},
		{"service", newService("", nil), scope(corev1.ResourceQuotaScopeNotTerminating, exists), false},
	} {
		e := newRegistry().Get(resourceOf(c.o))
		matching, err := e.MatchingScopes(c.o, []corev1.ScopedResourceSelectorRequirement{c.scope})
		if err != nil || (len(matching) == 1) != c.want {
			t.Errorf("%s in %v: got %v, %v, wanted %t", c.name, c.scope, matching, err, c.want)
		}
	}
	if _, err := newRegistry().Get(corev1.Resource("pods")).MatchingScopes(plain, []corev1.ScopedResourceSelectorRequirement{scope(priority, "Near")}); err == nil {
		t.Error("an unknown operator was taken")
	}
}

// The two operators of each pair exclude each other and leave nothing out.
func TestSelectsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		class := rapid.SampledFrom([]string{"", "a", "b", "c"})
		classes := rapid.SliceOfN(class, 0, 3).Draw(t, "classes")
		values := rapid.SliceOfN(class, 1, 3).Draw(t, "values")
		does := func(op corev1.ScopeSelectorOperator) bool {
			yes, err := selects(corev1.ScopedResourceSelectorRequirement{Operator: op, Values: values}, classes...)
			if err != nil {
				t.Fatal(err)
			}
			return yes
		}
		if does("In") == does("NotIn") || does("Exists") == does("DoesNotExist") {
			t.Fatal("a pair of operators agrees")
		}
		if does("In") && !does("Exists") {
			t.Fatal("no class is in a list")
		}
	})
}

func TestHandles(t *testing.T) {
	for _, c := range []struct {
		resource, subresource string
		op                    admission.Operation
		want                  bool
	}{
		{"pods", "", admission.Create, true}, {"pods", "", admission.Update, false}, {"pods", "resize", admission.Update, true},
		{"pods", "status", admission.Update, false}, {"pods", "binding", admission.Create, false},
		{"services", "", admission.Update, true}, {"services", "status", admission.Update, false},
		{"persistentvolumeclaims", "", admission.Update, true}, {"persistentvolumeclaims", "status", admission.Update, true},
		{"secrets", "", admission.Create, true}, {"secrets", "", admission.Update, false},
	} {
		a := admission.NewAttributesRecord(nil, nil, corev1.SchemeGroupVersion.WithKind(""), "ns", "n", corev1.SchemeGroupVersion.WithResource(c.resource), c.subresource, c.op, nil, false, nil)
		if got := newRegistry().Get(corev1.Resource(c.resource)).Handles(a); got != c.want {
			t.Errorf("%s of %s/%s: got %t", c.op, c.resource, c.subresource, got)
		}
	}
}
