package resourcequota

import (
	"slices"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/types"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"pgregory.net/rapid"

	etalonquota "github.com/etalon-dev/etalon/reference/quota"
)

// list makes a ResourceList of names and quantities in turn.
func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func TestPlan(t *testing.T) {
	for _, c := range []struct {
		name                          string
		spec, hard, used, counted     corev1.ResourceList
		wantUsed                      corev1.ResourceList
		wantDiffers, wantLess, noUsed bool
	}{
		{name: "new", spec: list("pods", "3"), noUsed: true, counted: list("pods", "0"), wantUsed: list("pods", "0"), wantDiffers: true},
		{name: "right", spec: list("pods", "3"), hard: list("pods", "3"), used: list("pods", "1"), counted: list("pods", "1"), wantUsed: list("pods", "1")},
		{name: "more", spec: list("pods", "3"), hard: list("pods", "3"), used: list("pods", "1"), counted: list("pods", "2"), wantUsed: list("pods", "2"), wantDiffers: true},
		{name: "less", spec: list("pods", "3"), hard: list("pods", "3"), used: list("pods", "2"), counted: list("pods", "1"), wantUsed: list("pods", "1"), wantDiffers: true, wantLess: true},
		{name: "other limit", spec: list("pods", "5"), hard: list("pods", "3"), used: list("pods", "2"), counted: list("pods", "2"), wantUsed: list("pods", "2"), wantDiffers: true},
		{name: "limit gone", spec: list("pods", "3"), hard: list("pods", "3", "secrets", "3"), used: list("pods", "2", "secrets", "1"), counted: list("pods", "2"), wantUsed: list("pods", "2"), wantDiffers: true},
		{name: "not counted", spec: list("pods", "3", "secrets", "3"), hard: list("pods", "3", "secrets", "3"), used: list("pods", "2", "secrets", "1"), counted: list("pods", "2"), wantUsed: list("pods", "2", "secrets", "1")},
		{name: "unknown", spec: list("count/x.test", "3"), noUsed: true, wantUsed: list(), wantDiffers: true},
	} {
		q := &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: c.spec}, Status: corev1.ResourceQuotaStatus{Hard: c.hard, Used: c.used}}
		if !c.noUsed && c.used == nil {
			q.Status.Used = list()
		}
		status, differs, less := plan(q, c.counted)
		if !quota.Equals(status.Hard, c.spec) || !quota.Equals(status.Used, c.wantUsed) || differs != c.wantDiffers || less != c.wantLess {
			t.Errorf("%s: got %v, differs %t, less %t", c.name, status, differs, less)
		}
	}
}

// A status that was written needs no second writing, and speaks of what the quota limits, no more.
func TestPlanProperties(t *testing.T) {
	draw := func(t *rapid.T, label string) corev1.ResourceList {
		l := corev1.ResourceList{}
		for _, name := range []corev1.ResourceName{"pods", "secrets", "requests.cpu"} {
			if n := rapid.Int64Range(-1, 3).Draw(t, label); n >= 0 {
				l[name] = *resource.NewQuantity(n, resource.DecimalSI)
			}
		}
		return l
	}
	rapid.Check(t, func(t *rapid.T) {
		q := &corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: draw(t, "spec")},
			Status: corev1.ResourceQuotaStatus{Hard: draw(t, "hard"), Used: draw(t, "used")}}
		counted := quota.Mask(draw(t, "counted"), quota.ResourceNames(q.Spec.Hard))
		before := q.DeepCopy()
		status, _, less := plan(q, counted)
		if !quota.Equals(q.Status.Used, before.Status.Used) || !quota.Equals(q.Spec.Hard, before.Spec.Hard) {
			t.Fatal("the quota itself was changed")
		}
		for name, n := range status.Used {
			if _, ok := q.Spec.Hard[name]; !ok {
				t.Fatalf("%s is not limited", name)
			}
			if was, ok := q.Status.Used[name]; ok && n.Cmp(was) < 0 && !less {
				t.Fatalf("%s went from %s to %s unnoticed", name, was.String(), n.String())
			}
		}
		q.Status = status
		if _, differs, less := plan(q, counted); differs || less {
			t.Fatalf("written %v, and yet differs: %t, less: %t", status, differs, less)
		}
	})
}

func TestSettled(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSettled(func() time.Time { return now })
	key := types.NamespacedName{Namespace: "ns", Name: "q"}
	if wait := s.wait(key, "1"); wait != settling {
		t.Errorf("at first: %s", wait)
	}
	now = now.Add(settling / 2)
	if wait := s.wait(key, "1"); wait != settling/2 {
		t.Errorf("half way: %s", wait)
	}
	if wait := s.wait(key, "2"); wait != settling {
		t.Errorf("charged meanwhile: %s", wait)
	}
	now = now.Add(2 * settling)
	if wait := s.wait(key, "2"); wait != 0 {
		t.Errorf("settled: %s", wait)
	}
	s.forget(key)
	if wait := s.wait(key, "2"); wait != settling {
		t.Errorf("anew: %s", wait)
	}
}

func TestLimited(t *testing.T) {
	config := etalonquota.Configuration(nil, time.Now)
	for _, c := range []struct {
		hard corev1.ResourceList
		want []string
	}{
		{list("requests.cpu", "1", "requests.example.com/gpu", "1", "count/pods", "1"), []string{"pods"}},
		{list("services.nodeports", "1"), []string{"services"}},
		{list("requests.storage", "1", "gold.storageclass.storage.k8s.io/requests.storage", "1"), []string{"persistentvolumeclaims"}},
		{list("gpu.deviceclass.resource.k8s.io/devices", "1"), []string{"resourceclaims.resource.k8s.io"}},
		{list("secrets", "1", "count/configmaps", "1"), []string{"configmaps", "secrets"}},
		{list("count/deployments.apps", "1", "count/widgets.example.com", "1"), []string{"deployments.apps", "widgets.example.com"}},
		{list("count/events", "1", "unheard.of/thing", "1"), nil},
	} {
		var got []string
		for _, gr := range limited(&corev1.ResourceQuota{Spec: corev1.ResourceQuotaSpec{Hard: c.hard}}, config) {
			got = append(got, gr.String())
		}
		slices.Sort(got)
		if !slices.Equal(got, c.want) {
			t.Errorf("%v: got %v, wanted %v", c.hard, got, c.want)
		}
	}
}
