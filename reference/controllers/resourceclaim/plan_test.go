package resourceclaim

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"pgregory.net/rapid"
)

func newPod(name string, mutate ...func(*corev1.Pod)) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name + "-uid")},
		Spec: corev1.PodSpec{ResourceClaims: []corev1.PodResourceClaim{{Name: "gpu", ResourceClaimTemplateName: ptr.To("template")}}}}
	for _, m := range mutate {
		m(pod)
	}
	return pod
}

func newTemplate() *resourcev1.ResourceClaimTemplate {
	return &resourcev1.ResourceClaimTemplate{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "template"},
		Spec: resourcev1.ResourceClaimTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"a": "b"}, Annotations: map[string]string{"c": "d"}},
			Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{Name: "one"}}}}}}
}

// newClaim is allocated and protected, and reserved for the pods.
func newClaim(name string, pods ...string) *resourcev1.ResourceClaim {
	claim := &resourcev1.ResourceClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name), Finalizers: []string{resourcev1.Finalizer}},
		Status: resourcev1.ResourceClaimStatus{Allocation: &resourcev1.AllocationResult{}}}
	for _, pod := range pods {
		claim.Status.ReservedFor = append(claim.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{Resource: "pods", Name: pod, UID: types.UID(pod + "-uid")})
	}
	return claim
}

func TestGenerated(t *testing.T) {
	pod := newPod("web")
	claim := generated(pod, "gpu", newTemplate())
	if claim.GenerateName != "web-gpu-" || claim.Annotations["resource.kubernetes.io/pod-claim-name"] != "gpu" || claim.Annotations["c"] != "d" || claim.Labels["a"] != "b" ||
		!metav1.IsControlledBy(claim, pod) || len(claim.Spec.Devices.Requests) != 1 {
		t.Errorf("the claim is %+v", claim)
	}
	if generatedFor(pod, "gpu", []*resourcev1.ResourceClaim{claim}) != claim || generatedFor(pod, "nic", []*resourcev1.ResourceClaim{claim}) != nil ||
		generatedFor(newPod("db"), "gpu", []*resourcev1.ResourceClaim{claim}) != nil {
		t.Error("a claim is found for another pod or entry than it was made for")
	}
}

// Whatever the names, the claim's has room for the characters that make it unique, and begins with the pod's.
func TestBase(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringMatching(`[a-z]{1,80}`)
		pod, entry := name.Draw(t, "pod"), name.Draw(t, "entry")
		got := base(pod, entry)
		before, after, found := strings.Cut(got, "-")
		if len(got) > maxBase || !found || before == "" || after == "" || !strings.HasPrefix(pod, before) || !strings.HasPrefix(entry, after) {
			t.Fatalf("got %q", got)
		}
		if len(pod)+len(entry) < maxBase && got != pod+"-"+entry {
			t.Fatalf("%q was shortened for nothing", got)
		}
	})
}

func TestPlanClaim(t *testing.T) {
	deleted := func(c *resourcev1.ResourceClaim) *resourcev1.ResourceClaim {
		c.DeletionTimestamp = &metav1.Time{}
		return c
	}
	of := func(pod string, c *resourcev1.ResourceClaim) *resourcev1.ResourceClaim {
		c.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(newPod(pod), corev1.SchemeGroupVersion.WithKind("Pod"))}
		return c
	}
	foreign := newClaim("c")
	foreign.Status.ReservedFor = []resourcev1.ResourceClaimConsumerReference{{APIGroup: "scheduling.k8s.io", Resource: "podgroups", Name: "done", UID: "x"}}
	unallocated := newClaim("c")
	unallocated.Status.Allocation = nil
	type want struct {
		status, allocated bool
		reserved          int
		letGo, delete     bool
	}
	for name, test := range map[string]struct {
		claim *resourcev1.ResourceClaim
		want  want
	}{
		"in use":                      {newClaim("c", "live"), want{}},
		"by one that is done":         {newClaim("c", "done"), want{status: true, letGo: true}},
		"by one of two":               {newClaim("c", "live", "done"), want{status: true, allocated: true, reserved: 1}},
		"allocated, not reserved":     {newClaim("c"), want{}},
		"reserved for something else": {foreign, want{}},
		"about to be allocated":       {unallocated, want{}},
		"deleted, in use":             {deleted(newClaim("c", "live")), want{}},
		"deleted, free":               {deleted(newClaim("c")), want{status: true, letGo: true}},
		"made for one that is done":   {of("done", newClaim("c")), want{delete: true}},
		"and reserved for it":         {of("done", newClaim("c", "done")), want{status: true, letGo: true, delete: true}},
		"made for one that lives":     {of("live", newClaim("c", "live")), want{}},
	} {
		t.Run(name, func(t *testing.T) {
			plan := planClaim(test.claim, func(name string, uid types.UID) bool { return name == "live" && uid == "live-uid" })
			got := want{letGo: plan.letGo, delete: plan.delete}
			if plan.status != nil {
				got.status, got.allocated, got.reserved = true, plan.status.Status.Allocation != nil, len(plan.status.Status.ReservedFor)
			}
			if got != test.want {
				t.Errorf("got  %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestReserved(t *testing.T) {
	full := newClaim("c")
	for range resourcev1.ResourceClaimReservedForMaxSize {
		full.Status.ReservedFor = append(full.Status.ReservedFor, resourcev1.ResourceClaimConsumerReference{UID: "x"})
	}
	unallocated := newClaim("c")
	unallocated.Status.Allocation = nil
	for name, test := range map[string]struct {
		claim *resourcev1.ResourceClaim
		want  bool
	}{
		"allocated": {newClaim("c", "other"), true}, "reserved": {newClaim("c", "web"), false}, "full": {full, false}, "not allocated": {unallocated, false},
	} {
		if _, changed := reserved(test.claim, newPod("web")); changed != test.want {
			t.Errorf("%s: reserved is %t", name, changed)
		}
	}
}

func TestSurplus(t *testing.T) {
	named := newPod("web", func(p *corev1.Pod) {
		p.Status.ResourceClaimStatuses = []corev1.PodResourceClaimStatus{{Name: "gpu", ResourceClaimName: ptr.To("one")}}
	})
	made := func(name string, mutate ...func(*resourcev1.ResourceClaim)) *resourcev1.ResourceClaim {
		claim := generated(named, "gpu", newTemplate())
		claim.Name = name
		for _, m := range mutate {
			m(claim)
		}
		return claim
	}
	used := func(c *resourcev1.ResourceClaim) { c.Status = newClaim("x", "web").Status }
	schedulers := func(c *resourcev1.ResourceClaim) { delete(c.Annotations, resourcev1.PodResourceClaimAnnotation) }
	for name, test := range map[string]struct {
		claim *resourcev1.ResourceClaim
		pod   *corev1.Pod
		want  bool
	}{
		"the one":             {made("one"), named, false},
		"another":             {made("two"), named, true},
		"not decided yet":     {made("two"), newPod("web"), false},
		"another pod's":       {made("two"), newPod("db"), false},
		"in use all the same": {made("two", used), named, false},
		"not from a template": {made("two", schedulers), named, false},
	} {
		if got := surplus(test.claim, test.pod); got != test.want {
			t.Errorf("%s: surplus is %t", name, got)
		}
	}
}
