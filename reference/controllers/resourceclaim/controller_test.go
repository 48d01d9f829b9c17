package resourceclaim

import (
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func start(t *testing.T, objects ...runtime.Object) (*Controller, *fake.Clientset, func() []string) {
	client := fake.NewClientset(objects...)
	// The fake server makes no names.
	client.PrependReactor("create", "resourceclaims", func(a clienttesting.Action) (bool, runtime.Object, error) {
		claim := a.(clienttesting.CreateAction).GetObject().(*resourcev1.ResourceClaim)
		if claim.Name == "" {
			claim.Name = claim.GenerateName + "x"
		}
		return false, nil, nil
	})
	shared := informers.NewSharedInformerFactory(client, 0)
	events, told := controllertest.Recorder()
	c := New(client, shared, events)
	controllertest.Start(t, shared)
	return c, client, told
}

func reconcile(t *testing.T, c *Controller, name string) {
	t.Helper()
	if _, err := c.Reconcile(t.Context(), types.NamespacedName{Namespace: "ns", Name: name}); err != nil {
		t.Fatal(err)
	}
}

func TestGeneratesAndNames(t *testing.T) {
	c, client, _ := start(t, newPod("web"), newTemplate())
	reconcile(t, c, "pod:web")
	reconcile(t, c, "pod:web")
	claims, err := client.ResourceV1().ResourceClaims("ns").List(t.Context(), metav1.ListOptions{})
	if err != nil || len(claims.Items) != 1 || claims.Items[0].Name != "web-gpu-x" {
		t.Fatalf("made %v, %v", claims.Items, err)
	}
	pod, err := client.CoreV1().Pods("ns").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || statuses(pod)["gpu"] != "web-gpu-x" {
		t.Errorf("the pod is told %v, %v", pod.Status.ResourceClaimStatuses, err)
	}
}

// A claim that was made and not named yet, by one who crashed, is named and not made again.
func TestFindsWhatWasGenerated(t *testing.T) {
	pod := newPod("web")
	made := generated(pod, "gpu", newTemplate())
	made.Name = "made"
	c, client, _ := start(t, pod, newTemplate(), made)
	reconcile(t, c, "pod:web")
	got, err := client.CoreV1().Pods("ns").Get(t.Context(), "web", metav1.GetOptions{})
	if err != nil || statuses(got)["gpu"] != "made" {
		t.Errorf("the pod is told %v, %v", got.Status.ResourceClaimStatuses, err)
	}
}

func TestTellsThatTheTemplateIsMissing(t *testing.T) {
	c, _, told := start(t, newPod("web"))
	reconcile(t, c, "pod:web")
	if got := told(); len(got) != 1 || !strings.HasPrefix(got[0], `Warning FailedResourceClaimCreation PodResourceClaim gpu: resource claim template "template": `) {
		t.Errorf("told %q", got)
	}
}

func TestReservesForPodsThatWerePlaced(t *testing.T) {
	placed := newPod("web", func(p *corev1.Pod) {
		p.Spec.NodeName = "n"
		name := "c"
		p.Spec.ResourceClaims[0] = corev1.PodResourceClaim{Name: "gpu", ResourceClaimName: &name}
	})
	c, client, _ := start(t, placed, newClaim("c"))
	reconcile(t, c, "pod:web")
	claim, err := client.ResourceV1().ResourceClaims("ns").Get(t.Context(), "c", metav1.GetOptions{})
	if err != nil || len(claim.Status.ReservedFor) != 1 || claim.Status.ReservedFor[0].UID != "web-uid" {
		t.Errorf("reserved for %v, %v", claim.Status.ReservedFor, err)
	}
}

func TestTakesBackWhatPodsHad(t *testing.T) {
	ended := newPod("web", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })
	own := newClaim("own", "web")
	own.OwnerReferences = []metav1.OwnerReference{*metav1.NewControllerRef(ended, corev1.SchemeGroupVersion.WithKind("Pod"))}
	c, client, _ := start(t, ended, own, newClaim("shared", "web", "gone"))
	reconcile(t, c, "claim:own")
	if _, err := client.ResourceV1().ResourceClaims("ns").Get(t.Context(), "own", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the claim of an ended pod is there, or %v", err)
	}
	reconcile(t, c, "claim:shared")
	claim, err := client.ResourceV1().ResourceClaims("ns").Get(t.Context(), "shared", metav1.GetOptions{})
	if err != nil || len(claim.Status.ReservedFor) != 0 || claim.Status.Allocation != nil || slices.Contains(claim.Finalizers, resourcev1.Finalizer) {
		t.Errorf("the claim is %+v, %v", claim, err)
	}
}
