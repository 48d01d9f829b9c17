package persistentvolume

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	volumehelpers "k8s.io/component-helpers/storage/volume"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest"
)

// disks is a provisioner that remembers what it was asked.
type disks struct {
	made, deleted []string
	broken        error
}

func (d *disks) Provision(_ context.Context, r Request) (*corev1.PersistentVolume, error) {
	if d.broken != nil {
		return nil, d.broken
	}
	d.made = append(d.made, r.Name+" on "+r.Node)
	return newVolume("", "3Gi", ""), nil
}

func (d *disks) Delete(_ context.Context, v *corev1.PersistentVolume) error {
	if d.broken != nil {
		return d.broken
	}
	d.deleted = append(d.deleted, v.Name)
	return nil
}

const ours = "kubernetes.io/host-path"

// start returns a controller that knows the objects. It is called by hand.
func start(t *testing.T, d *disks, objects ...runtime.Object) (*Controller, *fake.Clientset, func() []string) {
	client := fake.NewClientset(objects...)
	shared := informers.NewSharedInformerFactory(client, 0)
	events, told := controllertest.Recorder()
	c := New(client, shared, events, map[string]Provisioner{ours: d})
	controllertest.Start(t, shared)
	return c, client, told
}

// writes are the verbs and subjects of what was written, in order.
func writes(client *fake.Clientset) []string {
	var all []string
	for _, a := range client.Actions() {
		if slices.Contains([]string{"create", "update", "patch", "delete"}, a.GetVerb()) {
			name := a.GetVerb() + " " + a.GetResource().Resource
			if update, ok := a.(clienttesting.UpdateAction); ok && update.GetSubresource() != "" {
				name += "/" + update.GetSubresource()
			}
			all = append(all, name)
		}
	}
	return all
}

var claimC, volumeV = types.NamespacedName{Namespace: "ns", Name: "c"}, types.NamespacedName{Name: "v"}

func reconcile(t *testing.T, c *Controller, key types.NamespacedName) {
	t.Helper()
	if _, err := c.Reconcile(t.Context(), key); err != nil {
		t.Fatal(err)
	}
}

func getVolume(t *testing.T, client kubernetes.Interface, name string) *corev1.PersistentVolume {
	t.Helper()
	v, err := client.CoreV1().PersistentVolumes().Get(t.Context(), name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func getClaim(t *testing.T, client kubernetes.Interface) *corev1.PersistentVolumeClaim {
	t.Helper()
	c, err := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "c", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestBindsInTheSafeOrder(t *testing.T) {
	c, client, _ := start(t, &disks{}, newClaim("c", "x"), newVolume("v", "3Gi", "x"))
	reconcile(t, c, claimC)
	want := []string{"update persistentvolumes", "update persistentvolumes/status", "update persistentvolumeclaims", "update persistentvolumeclaims/status"}
	if got := writes(client); !slices.Equal(got, want) {
		t.Fatalf("wrote %v, want %v", got, want)
	}
	claim, volume := getClaim(t, client), getVolume(t, client, "v")
	if volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.UID != "c-uid" || volume.Status.Phase != corev1.VolumeBound || volume.Annotations[volumehelpers.AnnBoundByController] != "yes" {
		t.Errorf("the volume is %+v, %+v", volume.Spec, volume.Status)
	}
	storage := claim.Status.Capacity[corev1.ResourceStorage]
	if claim.Spec.VolumeName != "v" || claim.Status.Phase != corev1.ClaimBound || storage.String() != "3Gi" ||
		claim.Annotations[volumehelpers.AnnBindCompleted] != "yes" || claim.Annotations[volumehelpers.AnnBoundByController] != "yes" {
		t.Errorf("the claim is %+v, %+v", claim.Spec, claim.Status)
	}
}

func TestProvisions(t *testing.T) {
	d := &disks{}
	claim := newClaim("c", "x", annotate[*corev1.PersistentVolumeClaim](volumehelpers.AnnSelectedNode, "n"))
	for _, a := range []string{volumehelpers.AnnStorageProvisioner, volumehelpers.AnnBetaStorageProvisioner} {
		claim.Annotations[a] = ours
	}
	c, client, told := start(t, d, claim, newClass("x", ours, storagev1.VolumeBindingWaitForFirstConsumer))
	reconcile(t, c, claimC)
	volume := getVolume(t, client, "pvc-c-uid")
	if !slices.Equal(d.made, []string{"pvc-c-uid on n"}) || volume.Spec.ClaimRef == nil || volume.Spec.ClaimRef.UID != "c-uid" || volume.Spec.StorageClassName != "x" ||
		volume.Spec.PersistentVolumeReclaimPolicy != corev1.PersistentVolumeReclaimDelete || volume.Annotations[volumehelpers.AnnDynamicallyProvisioned] != ours || !held(volume) {
		t.Errorf("asked for %v, made %+v", d.made, volume)
	}
	if got, want := told(), []string{"Normal ProvisioningSucceeded Successfully provisioned volume pvc-c-uid using " + ours}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestNamesTheProvisionerInTheClaim(t *testing.T) {
	c, client, told := start(t, &disks{}, newClaim("c", "x"), newClass("x", "example.com/disks", storagev1.VolumeBindingImmediate))
	reconcile(t, c, claimC)
	claim := getClaim(t, client)
	if claim.Annotations["volume.kubernetes.io/storage-provisioner"] != "example.com/disks" || claim.Annotations["volume.beta.kubernetes.io/storage-provisioner"] != "example.com/disks" {
		t.Errorf("the claim has %v", claim.Annotations)
	}
	if got := told(); len(got) != 0 {
		t.Errorf("told %v before the claim says it", got)
	}
}

func TestProvisioningFails(t *testing.T) {
	claim := newClaim("c", "x")
	for _, a := range []string{volumehelpers.AnnStorageProvisioner, volumehelpers.AnnBetaStorageProvisioner} {
		claim.Annotations[a] = ours
	}
	c, client, told := start(t, &disks{broken: errors.New("no space")}, claim, newClass("x", ours, storagev1.VolumeBindingImmediate))
	if _, err := c.Reconcile(t.Context(), claimC); err == nil {
		t.Error("it is not tried again")
	}
	if got, want := told(), []string{`Warning ProvisioningFailed Failed to provision volume with StorageClass "x": no space`}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
	if got := writes(client); len(got) != 0 {
		t.Errorf("wrote %v", got)
	}
}

func released() *corev1.PersistentVolume {
	v := newVolume("v", "3Gi", "x", forClaim("c", "c-uid"), annotate[*corev1.PersistentVolume](volumehelpers.AnnDynamicallyProvisioned, ours))
	v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimDelete
	v.Status.Phase = corev1.VolumeBound
	v.Finalizers = []string{volumehelpers.PVDeletionInTreeProtectionFinalizer}
	return v
}

func TestDeletesWhatItMade(t *testing.T) {
	d := &disks{}
	c, client, _ := start(t, d, released())
	reconcile(t, c, volumeV)
	if !slices.Equal(d.deleted, []string{"v"}) {
		t.Errorf("deleted %v", d.deleted)
	}
	if _, err := client.CoreV1().PersistentVolumes().Get(t.Context(), "v", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the volume is there, or %v", err)
	}
}

func TestDeletionFails(t *testing.T) {
	c, client, told := start(t, &disks{broken: errors.New("busy")}, released())
	if _, err := c.Reconcile(t.Context(), volumeV); err == nil {
		t.Error("it is not tried again")
	}
	if v := getVolume(t, client, "v"); v.Status.Phase != corev1.VolumeFailed || v.Status.Message != "busy" {
		t.Errorf("the volume is %+v", v.Status)
	}
	if got, want := told(), []string{"Warning VolumeFailedDelete busy"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

// A claim that the cache does not have yet is asked for before its volume is released.
func TestDoesNotReleaseOnTheCachesWord(t *testing.T) {
	volume := released()
	c, client, _ := start(t, &disks{}, volume)
	claim := newClaim("c", "x", wanting("v"))
	client.PrependReactor("get", "persistentvolumeclaims", func(clienttesting.Action) (bool, runtime.Object, error) { return true, claim, nil })
	reconcile(t, c, volumeV)
	if got := writes(client); len(got) != 0 {
		t.Errorf("wrote %v", got)
	}
}

func TestLosesAClaimOnlyOnTheServersWord(t *testing.T) {
	claim := newClaim("c", "x", wanting("v"), annotate[*corev1.PersistentVolumeClaim](volumehelpers.AnnBindCompleted, "yes"))
	claim.Status.Phase = corev1.ClaimBound
	c, client, told := start(t, &disks{}, claim)
	there := newVolume("v", "3Gi", "x", forClaim("c", "c-uid"))
	there.Status.Phase = corev1.VolumeBound
	gone := false
	client.PrependReactor("get", "persistentvolumes", func(clienttesting.Action) (bool, runtime.Object, error) { return !gone, there, nil })
	reconcile(t, c, claimC)
	if got := getClaim(t, client); got.Status.Phase != corev1.ClaimBound {
		t.Fatalf("the claim is %s although its volume is there", got.Status.Phase)
	}
	gone = true
	claim = getClaim(t, client)
	_ = c.claims.GetStore().Update(claim)
	reconcile(t, c, claimC)
	if got := getClaim(t, client); got.Status.Phase != corev1.ClaimLost || got.Status.Capacity != nil {
		t.Errorf("the claim is %+v", got.Status)
	}
	if got, want := told(), []string{"Warning ClaimLost Bound claim has lost its PersistentVolume. Data on the volume is lost!"}; !slices.Equal(got, want) {
		t.Errorf("told %v, want %v", got, want)
	}
}

func TestAClaimWhoseVolumeCannotBeMadeGivesItsNodeBack(t *testing.T) {
	claim := newClaim("c", "later", func(c *corev1.PersistentVolumeClaim) {
		for _, name := range []string{volumehelpers.AnnStorageProvisioner, volumehelpers.AnnBetaStorageProvisioner} {
			c.Annotations[name] = ours
		}
		c.Annotations[volumehelpers.AnnSelectedNode] = "a"
	})
	mode := storagev1.VolumeBindingWaitForFirstConsumer
	class := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "later"}, Provisioner: ours, VolumeBindingMode: &mode}
	c, client, told := start(t, &disks{broken: errors.New("no room")}, claim, class)
	if _, err := c.Reconcile(t.Context(), claimC); err == nil {
		t.Error("that no volume was made is no error")
	}
	got, err := client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "c", metav1.GetOptions{})
	if err != nil || got.Annotations[volumehelpers.AnnSelectedNode] != "" {
		t.Errorf("the claim still has the node: %v, %v", got.Annotations, err)
	}
	if want, all := `Warning ProvisioningFailed Failed to provision volume with StorageClass "later": no room`, told(); !slices.Contains(all, want) {
		t.Errorf("told %q, want %q", all, want)
	}
}

func TestAVolumeInUseIsNotFailed(t *testing.T) {
	volume := newVolume("v", "2Gi", "now", func(v *corev1.PersistentVolume) {
		v.Annotations[volumehelpers.AnnDynamicallyProvisioned] = ours
		v.Spec.PersistentVolumeReclaimPolicy, v.Status.Phase = corev1.PersistentVolumeReclaimDelete, corev1.VolumeReleased
		v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "ns", Name: "c", UID: "gone"}
	})
	c, client, told := start(t, &disks{broken: fmt.Errorf("node a: %w", ErrInUse)}, volume)
	if _, err := c.Reconcile(t.Context(), volumeV); !errors.Is(err, ErrInUse) {
		t.Errorf("got %v, want it tried again", err)
	}
	got, err := client.CoreV1().PersistentVolumes().Get(t.Context(), "v", metav1.GetOptions{})
	if err != nil || got.Status.Phase != corev1.VolumeReleased {
		t.Errorf("the volume is %v, %v", got.Status.Phase, err)
	}
	if want, all := "Normal VolumeDelete node a: the volume is still in use", told(); !slices.Equal(all, []string{want}) {
		t.Errorf("told %q, want %q", all, want)
	}
}
