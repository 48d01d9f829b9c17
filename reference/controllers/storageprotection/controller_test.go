package storageprotection

import (
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

func meta(deleted bool, finalizers ...string) metav1.ObjectMeta {
	m := metav1.ObjectMeta{Name: "x", Namespace: "ns", UID: "u", Finalizers: finalizers}
	if deleted {
		now := metav1.Now()
		m.DeletionTimestamp = &now
	}
	return m
}

// user is a pod of phase with a volume, on a node if there is one.
func user(node string, phase corev1.PodPhase, v corev1.VolumeSource) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod", UID: "pod"},
		Spec:   corev1.PodSpec{NodeName: node, Volumes: []corev1.Volume{{Name: "v", VolumeSource: v}}},
		Status: corev1.PodStatus{Phase: phase}}
}

func TestClaims(t *testing.T) {
	const own = "kubernetes.io/pvc-protection"
	byName := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "x"}}
	other := corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "y"}}
	for name, c := range map[string]struct {
		claim metav1.ObjectMeta
		pods  []runtime.Object
		want  []string
	}{
		"unprotected":      {meta(false, "a"), nil, []string{"a", own}},
		"protected":        {meta(false, own), nil, []string{own}},
		"deleted":          {meta(true, "a", own), nil, []string{"a"}},
		"deleted and free": {meta(true, "a"), nil, []string{"a"}},
		"used":             {meta(true, own), []runtime.Object{user("n", corev1.PodRunning, byName)}, []string{own}},
		"by an ended pod":  {meta(true, own), []runtime.Object{user("n", corev1.PodSucceeded, byName)}, []string{own}},
		"not placed yet":   {meta(true, "a", own), []runtime.Object{user("", corev1.PodPending, byName)}, []string{"a"}},
		"another's":        {meta(true, "a", own), []runtime.Object{user("n", corev1.PodRunning, other)}, []string{"a"}},
	} {
		claim := &corev1.PersistentVolumeClaim{ObjectMeta: c.claim}
		client := fake.NewClientset(append(c.pods, claim)...)
		shared := informers.NewSharedInformerFactory(client, 0)
		controller := Claims(client, shared)
		controllertest.Start(t, shared)
		controller.tell = nil
		if _, err := controller.Reconcile(t.Context(), types.NamespacedName{Namespace: "ns", Name: "x"}); err != nil {
			t.Fatal(err)
		}
		got, err := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "x", metav1.GetOptions{})
		if err != nil || !slices.Equal(got.Finalizers, c.want) {
			t.Errorf("%s: got %v, %v; wanted %v", name, got.Finalizers, err, c.want)
		}
	}
}

// A generic ephemeral volume is its pod's only while the pod has not ended.
func TestEphemeral(t *testing.T) {
	v := corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "pod-v",
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Pod", Name: "pod", UID: "pod", Controller: ptr.To(true)}}}}
	strangers := claim.DeepCopy()
	strangers.OwnerReferences = nil
	for _, c := range []struct {
		phase corev1.PodPhase
		claim *corev1.PersistentVolumeClaim
		want  bool
	}{{corev1.PodRunning, claim, true}, {corev1.PodFailed, claim, false}, {corev1.PodRunning, strangers, false}} {
		if got := uses(user("n", c.phase, v), c.claim); got != c.want {
			t.Errorf("a pod that is %s: in use is %t", c.phase, got)
		}
	}
}

func TestVolumes(t *testing.T) {
	const own = "kubernetes.io/pv-protection"
	for name, c := range map[string]struct {
		meta  metav1.ObjectMeta
		phase corev1.PersistentVolumePhase
		want  []string
	}{
		"new":               {meta(false), corev1.VolumeAvailable, []string{own}},
		"deleted, bound":    {meta(true, own), corev1.VolumeBound, []string{own}},
		"deleted, free":     {meta(true, "a", own), corev1.VolumeAvailable, []string{"a"}},
		"deleted, outlived": {meta(true, "a", own), corev1.VolumeReleased, []string{"a"}},
	} {
		c.meta.Namespace = ""
		client := fake.NewClientset(&corev1.PersistentVolume{ObjectMeta: c.meta, Status: corev1.PersistentVolumeStatus{Phase: c.phase}})
		shared := informers.NewSharedInformerFactory(client, 0)
		controller := Volumes(client, shared)
		controllertest.Start(t, shared)
		if _, err := controller.Reconcile(t.Context(), types.NamespacedName{Name: "x"}); err != nil {
			t.Fatal(err)
		}
		got, err := client.CoreV1().PersistentVolumes().Get(t.Context(), "x", metav1.GetOptions{})
		if err != nil || !slices.Equal(got.Finalizers, c.want) {
			t.Errorf("%s: got %v, %v; wanted %v", name, got.Finalizers, err, c.want)
		}
	}
}

func TestClasses(t *testing.T) {
	const own = "kubernetes.io/vac-protection"
	claim := func(spec, current *string, target string) *corev1.PersistentVolumeClaim {
		c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "c"}}
		c.Spec.VolumeAttributesClassName, c.Status.CurrentVolumeAttributesClassName = spec, current
		if target != "" {
			c.Status.ModifyVolumeStatus = &corev1.ModifyVolumeStatus{TargetVolumeAttributesClassName: target}
		}
		return c
	}
	volume := &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}, Spec: corev1.PersistentVolumeSpec{VolumeAttributesClassName: ptr.To("x")}}
	for name, c := range map[string]struct {
		user runtime.Object
		want []string
	}{
		"nobody":         {claim(ptr.To("y"), ptr.To("z"), "w"), []string{"a"}},
		"asked for":      {claim(ptr.To("x"), nil, ""), []string{"a", own}},
		"had":            {claim(ptr.To("y"), ptr.To("x"), ""), []string{"a", own}},
		"on its way":     {claim(ptr.To("y"), nil, "x"), []string{"a", own}},
		"of a volume":    {volume, []string{"a", own}},
		"nothing at all": {&corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: "v"}}, []string{"a"}},
	} {
		class := &storagev1.VolumeAttributesClass{ObjectMeta: meta(true, "a", own)}
		class.Namespace = ""
		client := fake.NewClientset(class, c.user)
		shared := informers.NewSharedInformerFactory(client, 0)
		controller := Classes(client, shared)
		controllertest.Start(t, shared)
		if _, err := controller.Reconcile(t.Context(), types.NamespacedName{Name: "x"}); err != nil {
			t.Fatal(err)
		}
		got, err := client.StorageV1().VolumeAttributesClasses().Get(t.Context(), "x", metav1.GetOptions{})
		if err != nil || !slices.Equal(got.Finalizers, c.want) {
			t.Errorf("%s: got %v, %v; wanted %v", name, got.Finalizers, err, c.want)
		}
	}
}
