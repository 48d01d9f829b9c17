package csi

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	k8stesting "k8s.io/client-go/testing"
	"k8s.io/utils/ptr"

	csifixture "github.com/etalon-dev/etalon/fixtures/csi"
	"github.com/etalon-dev/etalon/reference/kubelet/plugins"
)

func TestAVolumeIsStagedOnceForAllPodsAndUnstagedAfterTheLast(t *testing.T) {
	r := newRig(t, noAttach())
	for _, uid := range []types.UID{"a", "b", "a"} {
		must(t, r.mount(t.Context(), claiming(uid)))
	}
	r.agent()
	must(t, r.mount(t.Context(), claiming("b")))
	if got := methods(r.calls()); got != "Stage Publish Publish" {
		t.Errorf("for two pods: %s", got)
	}
	must(t, r.m.Remove(t.Context(), "a"))
	if got := methods(r.calls()); got != "Stage Publish Publish Unpublish" {
		t.Errorf("after one pod: %s", got)
	}
	// Another agent takes the rest down, by what is on disk alone.
	must(t, r.client.CoreV1().PersistentVolumes().Delete(t.Context(), "pv", metav1.DeleteOptions{}))
	r.agent()
	must(t, r.m.Remove(t.Context(), "b"))
	if calls := r.calls(); !once(calls) {
		t.Errorf("calls: %v", calls)
	}
	if left := r.left(); len(left) != 0 {
		t.Errorf("left on disk: %v", left)
	}
}

func TestWaitsUntilTheVolumeIsAttached(t *testing.T) {
	r := newRig(t, storagev1.CSIDriverSpec{})
	watches := make(chan struct{}, 10)
	r.client.PrependWatchReactor("nodes", func(k8stesting.Action) (bool, watch.Interface, error) {
		watches <- struct{}{}
		return false, nil, nil
	})
	done := make(chan error, 1)
	go func() { done <- r.mount(t.Context(), claiming("a")) }()
	<-watches
	if calls := r.calls(); len(calls) != 0 {
		t.Fatalf("called before the volume was attached: %v", calls)
	}
	sum := sha256.Sum256([]byte("vol" + driverName + "n"))
	_, err := r.client.StorageV1().VolumeAttachments().Create(t.Context(), &storagev1.VolumeAttachment{
		ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("csi-%x", sum)},
		Status:     storagev1.VolumeAttachmentStatus{Attached: true, AttachmentMetadata: map[string]string{"disk": "7"}},
	}, metav1.CreateOptions{})
	must(t, err)
	n, err := r.client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	must(t, err)
	n.Status.VolumesAttached = []v1.AttachedVolume{{Name: "kubernetes.io/csi/d.example^vol"}}
	_, err = r.client.CoreV1().Nodes().UpdateStatus(t.Context(), n, metav1.UpdateOptions{})
	must(t, err)
	must(t, <-done)
	for _, c := range r.calls() {
		if c.Context["disk"] != "7" || c.Context["a"] != "b" || c.Mode != "SINGLE_NODE_MULTI_WRITER" {
			t.Errorf("%s was told %v, mode %s", c.Method, c.Context, c.Mode)
		}
	}
	if got := r.m.InUse(); len(got) != 1 || got[0] != "kubernetes.io/csi/d.example^vol" {
		t.Errorf("in use: %v", got)
	}
	must(t, r.m.Remove(t.Context(), "a"))
	if got := r.m.InUse(); len(got) != 0 {
		t.Errorf("in use after the pod: %v", got)
	}
}

func TestADriverThatIsNotThere(t *testing.T) {
	r := newRig(t, noAttach())
	r.plugin.Drivers = &Drivers{}
	err := r.mount(t.Context(), claiming("a"))
	want := `MountVolume.MountDevice failed for volume "pv" : kubernetes.io/csi: attacher.MountDevice failed to create newCsiDriverClient: ` +
		`driver name d.example not found in the list of registered CSI drivers`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	// Nothing was asked for, so nobody has to be there to take it back.
	must(t, r.m.Remove(t.Context(), "a"))
}

func TestInlineVolumes(t *testing.T) {
	source := v1.VolumeSource{CSI: &v1.CSIVolumeSource{Driver: driverName, ReadOnly: ptr.To(true), VolumeAttributes: map[string]string{"x": "y"}}}
	r := newRig(t, noAttach())
	err := r.mount(t.Context(), podOf("a", source))
	if want := `volume mode "Ephemeral" not supported by driver d.example (only supports ["Persistent"])`; err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	r = newRig(t, storagev1.CSIDriverSpec{PodInfoOnMount: ptr.To(true), VolumeLifecycleModes: []storagev1.VolumeLifecycleMode{storagev1.VolumeLifecycleEphemeral}})
	for _, uid := range []types.UID{"a", "b"} {
		must(t, r.mount(t.Context(), podOf(uid, source)))
	}
	calls := r.calls()
	if methods(calls) != "Publish Publish" || calls[0].Volume == calls[1].Volume || !strings.HasPrefix(calls[0].Volume, "csi-") {
		t.Fatalf("calls: %v", calls)
	}
	want := map[string]string{
		"x": "y", "csi.storage.k8s.io/pod.name": "pod-a", "csi.storage.k8s.io/pod.namespace": "ns", "csi.storage.k8s.io/pod.uid": "a",
		"csi.storage.k8s.io/serviceAccount.name": "default", "csi.storage.k8s.io/ephemeral": "true",
	}
	for key, value := range want {
		if calls[0].Context[key] != value {
			t.Errorf("%s: got %q, want %q", key, calls[0].Context[key], value)
		}
	}
	if !calls[0].Readonly || len(r.m.InUse()) != 0 {
		t.Errorf("read-only %v, in use %v", calls[0].Readonly, r.m.InUse())
	}
	must(t, r.m.Remove(t.Context(), "a"))
	must(t, r.m.Remove(t.Context(), "b"))
	if got := methods(r.calls()); got != "Publish Publish Unpublish Unpublish" {
		t.Errorf("calls: %s", got)
	}
}

func TestRegistrationIsToldAndTakenBack(t *testing.T) {
	r := newRig(t, noAttach())
	n, err := r.client.StorageV1().CSINodes().Get(t.Context(), "n", metav1.GetOptions{})
	must(t, err)
	if d := n.Spec.Drivers; len(d) != 1 || d[0].Name != driverName || d[0].NodeID != "n-id" || d[0].TopologyKeys[0] != "zone" || *d[0].Allocatable.Count != 100 {
		t.Errorf("CSINode: %+v", d)
	}
	if o := n.OwnerReferences; len(o) != 1 || o[0].Kind != "Node" || o[0].UID != "node" {
		t.Errorf("owner: %v", o)
	}
	node, err := r.client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	must(t, err)
	if node.Labels["zone"] != "n-id" || node.Annotations[nodeIDs] != `{"d.example":"n-id"}` {
		t.Errorf("node: %v %v", node.Labels, node.Annotations)
	}
	r.plugin.Drivers.Unregister(t.Context(), plugins.Plugin{Name: driverName, Endpoint: r.socket})
	n, err = r.client.StorageV1().CSINodes().Get(t.Context(), "n", metav1.GetOptions{})
	must(t, err)
	node, err = r.client.CoreV1().Nodes().Get(t.Context(), "n", metav1.GetOptions{})
	must(t, err)
	if _, noted := node.Annotations[nodeIDs]; noted || len(n.Spec.Drivers) != 0 || node.Labels["zone"] != "n-id" {
		t.Errorf("after the driver went: %v, %v %v", n.Spec.Drivers, node.Labels, node.Annotations)
	}
	err = label(node, map[string]string{"zone": "other"})
	if want := `detected topology value collision: driver reported "zone":"other" but existing label is "zone":"n-id"`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestAFileSystemGrowsWithItsVolume(t *testing.T) {
	r := newRig(t, noAttach())
	must(t, r.mount(t.Context(), claiming("a")))
	volume, err := r.client.CoreV1().PersistentVolumes().Get(t.Context(), "pv", metav1.GetOptions{})
	must(t, err)
	volume.Spec.Capacity[v1.ResourceStorage] = *quantity("2Mi")
	_, err = r.client.CoreV1().PersistentVolumes().Update(t.Context(), volume, metav1.UpdateOptions{})
	must(t, err)
	must(t, r.mount(t.Context(), claiming("a")))
	claim, err := r.client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "data", metav1.GetOptions{})
	must(t, err)
	if got := methods(r.calls()); got != "Stage Publish" {
		t.Errorf("before the controller asks for it: %s", got)
	}
	claim.Status.AllocatedResourceStatuses = map[v1.ResourceName]v1.ClaimResourceStatus{v1.ResourceStorage: v1.PersistentVolumeClaimNodeResizePending}
	claim.Status.Conditions = []v1.PersistentVolumeClaimCondition{{Type: v1.PersistentVolumeClaimFileSystemResizePending, Status: v1.ConditionTrue}}
	_, err = r.client.CoreV1().PersistentVolumeClaims("ns").UpdateStatus(t.Context(), claim, metav1.UpdateOptions{})
	must(t, err)
	for range 2 {
		must(t, r.mount(t.Context(), claiming("a")))
	}
	claim, err = r.client.CoreV1().PersistentVolumeClaims("ns").Get(t.Context(), "data", metav1.GetOptions{})
	must(t, err)
	if s := claim.Status; s.Capacity.Storage().String() != "2Mi" || len(s.Conditions) != 0 || len(s.AllocatedResourceStatuses) != 0 {
		t.Errorf("the claim's status: %+v", s)
	}
	calls := r.calls()
	if methods(calls) != "Stage Publish Expand" || calls[2].Bytes != 2<<20 {
		t.Errorf("calls: %v", calls)
	}
}

func TestSecretsGoToTheDriver(t *testing.T) {
	r := newRig(t, noAttach(), &v1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: "vault", Name: "s"}, Data: map[string][]byte{"key": []byte("x")}})
	volume, err := r.client.CoreV1().PersistentVolumes().Get(t.Context(), "pv", metav1.GetOptions{})
	must(t, err)
	ref := &v1.SecretReference{Namespace: "vault", Name: "s"}
	volume.Spec.CSI.NodeStageSecretRef, volume.Spec.CSI.NodePublishSecretRef = ref, ref
	_, err = r.client.CoreV1().PersistentVolumes().Update(t.Context(), volume, metav1.UpdateOptions{})
	must(t, err)
	must(t, r.mount(t.Context(), claiming("a")))
	for _, c := range r.calls() {
		if len(c.Secrets) != 1 || c.Secrets[0] != "key" {
			t.Errorf("%s got the secrets %v", c.Method, c.Secrets)
		}
	}
}

// once judges a whole journal: every volume is staged before it is published, and unstaged after it is unpublished, each once.
func once(calls []csifixture.Call) bool {
	staged, published := false, map[string]bool{}
	for _, c := range calls {
		if c.Error != "" {
			continue
		}
		ok := true
		switch c.Method {
		case "NodeStageVolume":
			ok, staged = !staged, true
		case "NodePublishVolume":
			ok = staged && !published[c.Target]
			published[c.Target] = true
		case "NodeUnpublishVolume":
			ok = published[c.Target]
			delete(published, c.Target)
		case "NodeUnstageVolume":
			ok, staged = staged && len(published) == 0, false
		}
		if !ok {
			return false
		}
	}
	return !staged && len(published) == 0
}

func TestWhatNobodyAttachesIsNamed(t *testing.T) {
	r := newRig(t, storagev1.CSIDriverSpec{})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	err := r.mount(ctx, claiming("a"))
	want := "Unable to attach or mount volumes: unmounted volumes=[v], unattached volumes=[v], failed to process volumes=[]: context deadline exceeded"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}
