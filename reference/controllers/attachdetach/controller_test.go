package attachdetach

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

// newPod uses the volume's claim on the node.
func newPod(name, node string, v *corev1.PersistentVolume) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: name, UID: types.UID(name)},
		Spec: corev1.PodSpec{NodeName: node, Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: v.Spec.ClaimRef.Name}}}}},
		Status: corev1.PodStatus{Phase: corev1.PodPending}}
}

func claimOf(v *corev1.PersistentVolume) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: v.Spec.ClaimRef.Name, UID: v.Spec.ClaimRef.UID},
		Spec: corev1.PersistentVolumeClaimSpec{VolumeName: v.Name}, Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimBound}}
}

func start(t *testing.T, objects ...runtime.Object) (*Controller, *fake.Clientset, func() []string) {
	client := fake.NewClientset(objects...)
	shared := informers.NewSharedInformerFactory(client, 0)
	events, told := controllertest.Recorder()
	c := New(client, shared, events, Options{})
	controllertest.Start(t, shared)
	return c, client, told
}

func reconcile(t *testing.T, c *Controller, node string) {
	t.Helper()
	if _, err := c.Reconcile(t.Context(), types.NamespacedName{Name: node}); err != nil {
		t.Fatal(err)
	}
}

func attachments(t *testing.T, client *fake.Clientset) []string {
	t.Helper()
	list, err := client.StorageV1().VolumeAttachments().List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, a := range list.Items {
		all = append(all, *a.Spec.Source.PersistentVolumeName+" to "+a.Spec.NodeName+" by "+a.Spec.Attacher)
	}
	return all
}

func TestAttaches(t *testing.T) {
	v := newVolume("v", corev1.ReadWriteOnce)
	c, client, _ := start(t, v, claimOf(v), newNode("n"), newPod("p", "n", v))
	reconcile(t, c, "n")
	if got := attachments(t, client); !slices.Equal(got, []string{"v to n by d"}) {
		t.Errorf("attached %v", got)
	}
}

func TestLeavesWhatNeedsNoAttaching(t *testing.T) {
	v := newVolume("v", corev1.ReadWriteOnce)
	driver := &storagev1.CSIDriver{ObjectMeta: metav1.ObjectMeta{Name: "d"}, Spec: storagev1.CSIDriverSpec{AttachRequired: ptr.To(false)}}
	c, client, _ := start(t, v, claimOf(v), newNode("n"), newPod("p", "n", v), driver)
	reconcile(t, c, "n")
	if got := attachments(t, client); len(got) != 0 {
		t.Errorf("attached %v", got)
	}
}

func TestTellsOfAttachments(t *testing.T) {
	v := newVolume("v", corev1.ReadWriteOnce)
	a := newAttachment(v, "n", false)
	c, client, told := start(t, v, claimOf(v), newNode("n"), newPod("p", "n", v), a)
	steps := []struct {
		status storagev1.VolumeAttachmentStatus
		want   []string
	}{
		{storagev1.VolumeAttachmentStatus{}, nil},
		{storagev1.VolumeAttachmentStatus{AttachError: &storagev1.VolumeError{Message: "no such disk"}}, []string{`Warning FailedAttachVolume AttachVolume.Attach failed for volume "v" : no such disk`}},
		{storagev1.VolumeAttachmentStatus{AttachError: &storagev1.VolumeError{Message: "no such disk"}}, nil},
		{storagev1.VolumeAttachmentStatus{Attached: true}, []string{`Normal SuccessfulAttachVolume AttachVolume.Attach succeeded for volume "v" `}},
		{storagev1.VolumeAttachmentStatus{Attached: true}, nil},
	}
	for i, step := range steps {
		now := a.DeepCopy()
		now.Status = step.status
		if err := c.attachments.GetStore().Update(now); err != nil {
			t.Fatal(err)
		}
		reconcile(t, c, "n")
		if got := told(); !slices.Equal(got, step.want) {
			t.Errorf("step %d: told %q, want %q", i, got, step.want)
		}
	}
	node, err := client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	if err != nil || len(node.Status.VolumesAttached) != 1 || node.Status.VolumesAttached[0].Name != "kubernetes.io/csi/d^handle-v" {
		t.Errorf("the node is told %v, %v", node.Status.VolumesAttached, err)
	}
}

func TestTellsWhoHasTheVolume(t *testing.T) {
	v := newVolume("v", corev1.ReadWriteOnce)
	c, client, told := start(t, v, claimOf(v), newNode("n"), newNode("m"), newPod("p", "n", v), newPod("q", "m", v), newAttachment(v, "m", true))
	reconcile(t, c, "n")
	reconcile(t, c, "n")
	if got, want := told(), []string{`Warning FailedAttachVolume Multi-Attach error for volume "v" Volume is already used by pod(s) q`}; !slices.Equal(got, want) {
		t.Errorf("told %q, want %q", got, want)
	}
	if got := attachments(t, client); !slices.Equal(got, []string{"v to m by d"}) {
		t.Errorf("attached %v", got)
	}
}

// A node learns that a volume goes before it goes.
func TestTellsTheNodeFirst(t *testing.T) {
	v := newVolume("v", corev1.ReadWriteOnce)
	node := newNode("n", func(n *corev1.Node) { n.Status.VolumesAttached = []corev1.AttachedVolume{{Name: uniqueName(v)}} })
	c, client, _ := start(t, v, claimOf(v), node, newAttachment(v, "n", true))
	reconcile(t, c, "n")
	var writes []string
	for _, a := range client.Actions() {
		if a.GetVerb() == "patch" || a.GetVerb() == "delete" {
			writes = append(writes, a.GetVerb()+" "+a.GetResource().Resource)
		}
	}
	if want := []string{"patch nodes", "delete volumeattachments"}; !slices.Equal(writes, want) {
		t.Errorf("wrote %v, want %v", writes, want)
	}
}
