package scheduler

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"
	volumehelpers "k8s.io/component-helpers/storage/volume"
	"k8s.io/utils/ptr"
)

// later is a class whose volumes wait for the first pod.
func later(provisioner string) *storagev1.StorageClass {
	return &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: "later"}, Provisioner: provisioner,
		VolumeBindingMode: ptr.To(storagev1.VolumeBindingWaitForFirstConsumer)}
}

func claimOf(class string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "default", Name: "data", UID: "c", ResourceVersion: "1"},
		Spec: corev1.PersistentVolumeClaimSpec{StorageClassName: &class}, Status: corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending}}
}

func volumeOn(name, class, node string) *corev1.PersistentVolume {
	return &corev1.PersistentVolume{ObjectMeta: metav1.ObjectMeta{Name: name, ResourceVersion: "1"}, Status: corev1.PersistentVolumeStatus{Phase: corev1.VolumeAvailable},
		Spec: corev1.PersistentVolumeSpec{StorageClassName: class, NodeAffinity: &corev1.VolumeNodeAffinity{Required: &corev1.NodeSelector{
			NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
				{Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: []string{node}}}}}}}}}
}

func boundTo(c *corev1.PersistentVolumeClaim, volume string) *corev1.PersistentVolumeClaim {
	c = c.DeepCopy()
	c.Spec.VolumeName, c.Status.Phase = volume, corev1.ClaimBound
	metav1.SetMetaDataAnnotation(&c.ObjectMeta, volumehelpers.AnnBindCompleted, "yes")
	return c
}

// withData is a pod that uses the claim data.
func withData(name string) *corev1.Pod {
	p := pod(name, "100m")
	p.Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
	return p
}

func hosts() (a, b *corev1.Node) {
	a, b = node("a", "4"), node("b", "4")
	a.Labels, b.Labels = map[string]string{corev1.LabelHostname: "a"}, map[string]string{corev1.LabelHostname: "b"}
	return a, b
}

// stored waits until the API server's claim is as wanted.
func stored(ctx context.Context, t *testing.T, client kubernetes.Interface, what string, ok func(*corev1.PersistentVolumeClaim) bool) *corev1.PersistentVolumeClaim {
	t.Helper()
	var last *corev1.PersistentVolumeClaim
	err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
		var err error
		last, err = client.CoreV1().PersistentVolumeClaims("default").Get(ctx, "data", metav1.GetOptions{})
		return err == nil && ok(last), err
	})
	if err != nil {
		t.Fatalf("the claim should have %s: %v; it is %+v", what, err, last)
	}
	return last
}

func TestAPodWaitsUntilTheVolumeOfItsClaimIsMadeWhereItWillRun(t *testing.T) {
	a, b := hosts()
	client := fakeCluster(accept, a, b, later("x"), claimOf("later"))
	ctx := run(t, client)
	create(ctx, t, client, withData("web"))
	c := stored(ctx, t, client, "a node", func(c *corev1.PersistentVolumeClaim) bool { return c.Annotations[volumehelpers.AnnSelectedNode] != "" })
	on := c.Annotations[volumehelpers.AnnSelectedNode]
	if p, err := client.CoreV1().Pods("default").Get(ctx, "web", metav1.GetOptions{}); err != nil || bound(p) {
		t.Fatalf("the pod was bound before its claim was: %v", err)
	}
	if _, err := client.CoreV1().PersistentVolumes().Create(ctx, volumeOn("v", "later", on), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	c = boundTo(c, "v")
	c.ResourceVersion = "3"
	if _, err := client.CoreV1().PersistentVolumeClaims("default").Update(ctx, c, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	if p := await(ctx, t, client, "web", "bound", bound); p.Spec.NodeName != on {
		t.Errorf("the pod is on %s, its volume on %s", p.Spec.NodeName, on)
	}
}

func TestAClaimWhoseVolumeCannotBeMadeIsTriedAgain(t *testing.T) {
	a, _ := hosts()
	client := fakeCluster(accept, a, later("x"), claimOf("later"))
	ctx := run(t, client)
	create(ctx, t, client, withData("web"))
	selected := func(c *corev1.PersistentVolumeClaim) bool { return c.Annotations[volumehelpers.AnnSelectedNode] != "" }
	c := stored(ctx, t, client, "a node", selected)
	delete(c.Annotations, volumehelpers.AnnSelectedNode)
	c.ResourceVersion = "9"
	if _, err := client.CoreV1().PersistentVolumeClaims("default").Update(ctx, c, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	e := event(ctx, t, client, "web", "FailedScheduling")
	if want := `running PreBind plugin "VolumeBinding": binding volumes: provisioning failed for PVC "data"`; e.Note != want {
		t.Errorf("the event says %q, want %q", e.Note, want)
	}
	stored(ctx, t, client, "a node again", selected)
}

func TestAPodGoesWhereAVolumeIs(t *testing.T) {
	a, b := hosts()
	for name, objects := range map[string]struct {
		claim *corev1.PersistentVolumeClaim
		class *storagev1.StorageClass
	}{
		"bound already":   {boundTo(claimOf("later"), "v"), later("x")},
		"to be bound now": {claimOf("later"), later("kubernetes.io/no-provisioner")},
	} {
		t.Run(name, func(t *testing.T) {
			client := fakeCluster(accept, a, b, objects.class, objects.claim, volumeOn("v", "later", "b"))
			ctx := run(t, client)
			create(ctx, t, client, withData("web"))
			if objects.claim.Spec.VolumeName == "" {
				err := wait.PollUntilContextTimeout(ctx, 5*time.Millisecond, patience, true, func(ctx context.Context) (bool, error) {
					v, err := client.CoreV1().PersistentVolumes().Get(ctx, "v", metav1.GetOptions{})
					return err == nil && v.Spec.ClaimRef != nil && v.Spec.ClaimRef.UID == "c", err
				})
				if err != nil {
					t.Fatalf("the volume should name the claim: %v", err)
				}
				if _, err := client.CoreV1().PersistentVolumeClaims("default").Update(ctx, boundTo(objects.claim, "v"), metav1.UpdateOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			if p := await(ctx, t, client, "web", "bound", bound); p.Spec.NodeName != "b" {
				t.Errorf("the pod is on %s, want b", p.Spec.NodeName)
			}
		})
	}
}

func TestWhyAPodsClaimsKeepItWaiting(t *testing.T) {
	a, b := hosts()
	now := metav1.Now()
	for name, c := range map[string]struct {
		claim  func(*corev1.PersistentVolumeClaim)
		volume *corev1.PersistentVolume
		other  bool
		want   string
	}{
		"missing":   {nil, nil, false, `persistentvolumeclaim "data" not found`},
		"deleted":   {func(c *corev1.PersistentVolumeClaim) { c.DeletionTimestamp = &now }, nil, false, `persistentvolumeclaim "data" is being deleted`},
		"immediate": {func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = ptr.To("") }, nil, false, "pod has unbound immediate PersistentVolumeClaims"},
		"elsewhere": {func(c *corev1.PersistentVolumeClaim) { *c = *boundTo(c, "v") }, volumeOn("v", "later", "c"), false, "2 node(s) didn't match PersistentVolume's node affinity"},
		"none":      {func(*corev1.PersistentVolumeClaim) {}, nil, false, "2 node(s) didn't find available persistent volumes to bind"},
		"gone":      {func(c *corev1.PersistentVolumeClaim) { *c = *boundTo(c, "v") }, nil, false, "2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)"},
		"taken": {func(c *corev1.PersistentVolumeClaim) {
			*c = *boundTo(c, "v")
			c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOncePod}
		}, volumeOn("v", "later", "a"), true, "2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScheduler(Options{SchedulerName: corev1.DefaultSchedulerName, Seed: 1}, nil, nil)
			s.setNode(a)
			s.setNode(b)
			s.setClass(later("kubernetes.io/no-provisioner"))
			if c.claim != nil {
				claim := claimOf("later")
				c.claim(claim)
				s.setClaim(claim)
			}
			if c.volume != nil {
				s.setVolume(c.volume)
			}
			if c.other {
				other := withData("other")
				other.Spec.NodeName = "a"
				s.setBound(other)
			}
			s.setUnbound(t.Context(), withData("web"))
			_, _, err := s.place(s.queue.Pop(s.now()).Pod)
			hint := "0/2 nodes are available: " + c.want + ". preemption: 0/2 nodes are available: 2 "
			if err == nil || err.Error() != hint+"Preemption is not helpful for scheduling." && err.Error() != hint+"No preemption victims found for incoming pod." {
				t.Errorf("got  %v\nwant %s…", err, hint)
			}
		})
	}
}

func TestTwoPodsAreNotPromisedOneVolume(t *testing.T) {
	a, _ := hosts()
	s := newScheduler(Options{SchedulerName: corev1.DefaultSchedulerName, Seed: 1}, nil, nil)
	s.setNode(a)
	s.setClass(later("kubernetes.io/no-provisioner"))
	s.setVolume(volumeOn("v", "later", "a"))
	first, second := claimOf("later"), claimOf("later")
	second.Name, second.UID = "data2", types.UID("c2")
	s.setClaim(first)
	s.setClaim(second)
	one, two := withData("one"), withData("two")
	two.Spec.Volumes[0].PersistentVolumeClaim.ClaimName = "data2"
	v, _ := s.volumesOf(one)
	if s.take(one, v, "a") == nil {
		t.Fatal("nothing was promised to the first pod")
	}
	if v, _ := s.volumesOf(two); v == nil {
		t.Fatal("the second pod has no claims")
	} else if why, _ := v.Refuses(a); why != bindConflict {
		t.Errorf("the second pod: got %q, want %q", why, bindConflict)
	}
	s.removePod(one.UID)
	if v, _ := s.volumesOf(two); v == nil {
		t.Fatal("the second pod has no claims")
	} else if why, _ := v.Refuses(a); why != "" {
		t.Errorf("after the first pod is gone: %q", why)
	}
}
