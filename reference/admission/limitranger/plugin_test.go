package limitranger

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"
)

// list makes a ResourceList of names and quantities in turn.
func list(pairs ...string) corev1.ResourceList {
	l := corev1.ResourceList{}
	for i := 0; i < len(pairs); i += 2 {
		l[corev1.ResourceName(pairs[i])] = resource.MustParse(pairs[i+1])
	}
	return l
}

func limitRange(name string, items ...corev1.LimitRangeItem) *corev1.LimitRange {
	return &corev1.LimitRange{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name}, Spec: corev1.LimitRangeSpec{Limits: items}}
}

func container(name string, requests, limits corev1.ResourceList) corev1.Container {
	return corev1.Container{Name: name, Resources: corev1.ResourceRequirements{Requests: requests, Limits: limits}}
}

func newPod(containers ...corev1.Container) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "p"}, Spec: corev1.PodSpec{Containers: containers}}
}

func newClaim(requests corev1.ResourceList) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{Spec: corev1.PersistentVolumeClaimSpec{Resources: corev1.VolumeResourceRequirements{Requests: requests}}}
}

// newPlugin returns a plugin whose informer knows the first LimitRanges and whose API has them all.
func newPlugin(t *testing.T, now func() time.Time, known []*corev1.LimitRange, more ...runtime.Object) (*Plugin, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset(more...)
	f := informers.NewSharedInformerFactory(client, 0)
	p := New()
	p.ranges.now = now
	p.SetExternalKubeClientSet(client)
	p.SetExternalKubeInformerFactory(f)
	p.ranges.synced = func() bool { return true }
	for _, r := range known {
		if err := f.Core().V1().LimitRanges().Informer().GetIndexer().Add(r); err != nil {
			t.Fatal(err)
		}
		if err := client.Tracker().Add(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := p.ValidateInitialization(); err != nil {
		t.Fatal(err)
	}
	return p, client
}

func attributes(o, old runtime.Object, resource, subresource string, op admission.Operation) admission.Attributes {
	kinds := map[string]string{"pods": "Pod", "persistentvolumeclaims": "PersistentVolumeClaim", "limitranges": "LimitRange"}
	return admission.NewAttributesRecord(o, old, corev1.SchemeGroupVersion.WithKind(kinds[resource]), "ns", "p",
		corev1.SchemeGroupVersion.WithResource(resource), subresource, op, nil, false, nil)
}

// admit runs both halves of the plugin, as the API server does.
func admit(t *testing.T, p *Plugin, a admission.Attributes) error {
	t.Helper()
	if err := p.Admit(t.Context(), a, nil); err != nil {
		return err
	}
	return p.Validate(t.Context(), a, nil)
}

func TestWhichRequests(t *testing.T) {
	small := limitRange("small", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("cpu", "1")},
		corev1.LimitRangeItem{Type: corev1.LimitTypePersistentVolumeClaim, Max: list("storage", "1Gi")})
	large := newPod(container("c", list("cpu", "2"), list("cpu", "2")))
	going := large.DeepCopy()
	going.DeletionTimestamp = ptr.To(metav1.Now())
	claim := newClaim(list("storage", "2Gi"))
	podRefused := `pods "p" is forbidden: maximum cpu usage per Container is 1, but limit is 2`
	claimRefused := `persistentvolumeclaims "p" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi`
	for _, c := range []struct {
		name string
		a    admission.Attributes
		want string
	}{
		{"create", attributes(large.DeepCopy(), nil, "pods", "", admission.Create), podRefused},
		{"update", attributes(large.DeepCopy(), large, "pods", "", admission.Update), ""},
		{"status", attributes(large.DeepCopy(), large, "pods", "status", admission.Update), ""},
		{"resize", attributes(large.DeepCopy(), large, "pods", "resize", admission.Update), podRefused},
		{"resize of a pod that goes", attributes(large.DeepCopy(), going, "pods", "resize", admission.Update), ""},
		{"delete", attributes(nil, large, "pods", "", admission.Delete), ""},
		{"binding", attributes(&corev1.Binding{}, nil, "pods", "binding", admission.Create), ""},
		{"claim", attributes(claim, nil, "persistentvolumeclaims", "", admission.Create), claimRefused},
		{"claim's update", attributes(claim, claim, "persistentvolumeclaims", "", admission.Update), claimRefused},
		{"claim's status", attributes(claim, claim, "persistentvolumeclaims", "status", admission.Update), ""},
	} {
		p, _ := newPlugin(t, time.Now, []*corev1.LimitRange{small})
		got := ""
		if err := admit(t, p, c.a); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s: got %q, wanted %q", c.name, got, c.want)
		}
	}
}

// The informer may be behind; what counts is what the API has.
func TestFreshness(t *testing.T) {
	now := time.Now()
	clock := func() time.Time { return now }
	largest := func(cpu string) *corev1.LimitRange {
		return limitRange("r", corev1.LimitRangeItem{Type: corev1.LimitTypeContainer, Max: list("cpu", cpu)})
	}
	two := func() admission.Attributes {
		return attributes(newPod(container("c", nil, list("cpu", "2"))), nil, "pods", "", admission.Create)
	}
	lists := func(client *fake.Clientset) (n int) {
		for _, action := range client.Actions() {
			if action.Matches("list", "limitranges") {
				n++
			}
		}
		return n
	}

	t.Run("created elsewhere", func(t *testing.T) {
		p, _ := newPlugin(t, clock, nil, largest("1"))
		if admit(t, p, two()) == nil {
			t.Error("a LimitRange that the informer has not heard of was not applied")
		}
	})
	t.Run("none", func(t *testing.T) {
		p, client := newPlugin(t, clock, nil)
		for range 3 {
			if err := admit(t, p, two()); err != nil {
				t.Error(err)
			}
		}
		if n := lists(client); n != 1 {
			t.Errorf("asked the API %d times, wanted once", n)
		}
		now = now.Add(noneFor)
		_ = admit(t, p, two())
		if n := lists(client); n != 2 {
			t.Errorf("asked the API %d times, wanted again after %s", n, noneFor)
		}
	})
	t.Run("changed here", func(t *testing.T) {
		p, client := newPlugin(t, clock, []*corev1.LimitRange{largest("1")})
		if admit(t, p, two()) == nil {
			t.Error("the known LimitRange was not applied")
		}
		wider := largest("3")
		if err := admit(t, p, attributes(wider, largest("1"), "limitranges", "", admission.Update)); err != nil {
			t.Fatal(err)
		}
		if err := client.Tracker().Update(corev1.SchemeGroupVersion.WithResource("limitranges"), wider, "ns"); err != nil {
			t.Fatal(err)
		}
		if err := admit(t, p, two()); err != nil {
			t.Errorf("a change made here is not in force: %v", err)
		}
		now = now.Add(freshFor)
		if admit(t, p, two()) == nil {
			t.Error("the API is still asked when the informer must know")
		}
	})
	t.Run("deleted here", func(t *testing.T) {
		p, client := newPlugin(t, clock, []*corev1.LimitRange{largest("1")})
		if err := admit(t, p, attributes(nil, largest("1"), "limitranges", "", admission.Delete)); err != nil {
			t.Fatal(err)
		}
		if err := client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("limitranges"), "ns", "r"); err != nil {
			t.Fatal(err)
		}
		if err := admit(t, p, two()); err != nil {
			t.Errorf("a LimitRange deleted here is still in force: %v", err)
		}
	})
	t.Run("no answer", func(t *testing.T) {
		p, client := newPlugin(t, clock, nil)
		client.PrependReactor("list", "limitranges", func(clienttesting.Action) (bool, runtime.Object, error) {
			return true, nil, context.DeadlineExceeded
		})
		if err := admit(t, p, two()); !apierrors.IsForbidden(err) {
			t.Errorf("got %v, wanted the pod refused as long as nobody knows the limits", err)
		}
	})
}
