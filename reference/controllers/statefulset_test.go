package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/polymorphichelpers"
	"k8s.io/utils/ptr"
)

func statefulSet(namespace, app string, replicas int32) *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app},
		Spec: appsv1.StatefulSetSpec{
			Replicas: ptr.To(replicas), ServiceName: app,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
			Template: template(app),
			VolumeClaimTemplates: []corev1.PersistentVolumeClaim{{
				ObjectMeta: metav1.ObjectMeta{Name: "data"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("1Gi")}},
				},
			}},
		},
	}
}

// untilSet waits until all of so many pods of the set are ready and of one template.
func (c *cluster) untilSet(t *testing.T, ns, name string, replicas int32) *appsv1.StatefulSet {
	t.Helper()
	var set *appsv1.StatefulSet
	until(t, fmt.Sprintf("StatefulSet %s to have %d ready pods", name, replicas), func(ctx context.Context) (err error) {
		if set, err = c.AppsV1().StatefulSets(ns).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		s := set.Status
		if s.ObservedGeneration != set.Generation || s.Replicas != replicas || s.ReadyReplicas != replicas || s.AvailableReplicas != replicas ||
			s.UpdatedReplicas != replicas || s.CurrentReplicas != replicas || s.CurrentRevision != s.UpdateRevision {
			return fmt.Errorf("generation %d, status %+v", set.Generation, s)
		}
		return nil
	})
	return set
}

// statefulSetLives goes up, through an update and back, and down to nothing.
func statefulSetLives(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	watching, stop := context.WithTimeout(ctx, patience)
	defer stop()
	pods, err := c.CoreV1().Pods(ns).Watch(watching, metav1.ListOptions{})
	must(t, err)
	sets := c.AppsV1().StatefulSets(ns)
	_, err = sets.Create(ctx, statefulSet(ns, "web", 3), metav1.CreateOptions{})
	must(t, err)
	first := c.untilSet(t, ns, "web", 3)

	_, err = sets.Patch(ctx, "web", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v2"}]}}}}`), metav1.PatchOptions{})
	must(t, err)
	second := c.untilSet(t, ns, "web", 3)
	if second.Status.CurrentRevision == first.Status.CurrentRevision {
		t.Errorf("the revision is %s, after an update too", second.Status.CurrentRevision)
	}

	back, err := polymorphichelpers.RollbackerFor(appsv1.SchemeGroupVersion.WithKind("StatefulSet").GroupKind(), c)
	must(t, err)
	if said, err := back.Rollback(second, nil, 1, util.DryRunNone); err != nil || said != "rolled back" {
		t.Errorf("kubectl rollout undo says %q, %v", said, err)
	}
	third := c.untilSet(t, ns, "web", 3)
	said, err := back.Rollback(third, nil, 3, util.DryRunNone)
	if want := "skipped rollback (current template already matches revision 3)"; err != nil || said != want {
		t.Errorf("kubectl rollout undo says %q, %v; want %q: what was used again is the newest", said, err, want)
	}
	if third.Status.CurrentRevision != first.Status.CurrentRevision {
		t.Errorf("the revision is %s, before it was %s", third.Status.CurrentRevision, first.Status.CurrentRevision)
	}
	scale, err := sets.GetScale(ctx, "web", metav1.GetOptions{})
	must(t, err)
	scale.Spec.Replicas = 0
	_, err = sets.UpdateScale(ctx, "web", scale, metav1.UpdateOptions{})
	must(t, err)
	c.untilSet(t, ns, "web", 0)
	claims, err := c.CoreV1().PersistentVolumeClaims(ns).List(ctx, metav1.ListOptions{})
	must(t, err)
	if len(claims.Items) != 3 || claims.Items[0].Name != "data-web-0" {
		t.Errorf("claims %+v", claims.Items)
	}
	revisions, err := c.AppsV1().ControllerRevisions(ns).List(ctx, metav1.ListOptions{})
	must(t, err)
	if len(revisions.Items) != 2 {
		t.Errorf("there are %d ControllerRevisions, want one for each of two templates", len(revisions.Items))
	}

	want := []string{
		"+web-0", "+web-1", "+web-2",
		"-web-2", "+web-2", "-web-1", "+web-1", "-web-0", "+web-0",
		"-web-2", "+web-2", "-web-1", "+web-1", "-web-0", "+web-0",
		"-web-2", "-web-1", "-web-0",
	}
	var story []string
	for event := range pods.ResultChan() {
		pod := event.Object.(*corev1.Pod)
		switch event.Type {
		case watch.Added:
			story = append(story, "+"+pod.Name)
		case watch.Deleted:
			story = append(story, "-"+pod.Name)
		}
		if len(story) == len(want) {
			break
		}
	}
	if !slices.Equal(story, want) {
		t.Errorf("pods came and went as %q, want %q", story, want)
	}
}

// Claims go with the pods that are scaled away, and with the set.
func statefulSetClaims(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	set := statefulSet(ns, "web", 2)
	set.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	set.Spec.PersistentVolumeClaimRetentionPolicy = &appsv1.StatefulSetPersistentVolumeClaimRetentionPolicy{
		WhenDeleted: appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
		WhenScaled:  appsv1.DeletePersistentVolumeClaimRetentionPolicyType,
	}
	sets := c.AppsV1().StatefulSets(ns)
	_, err := sets.Create(ctx, set, metav1.CreateOptions{})
	must(t, err)
	c.untilSet(t, ns, "web", 2)
	_, err = sets.Patch(ctx, "web", types.MergePatchType, []byte(`{"spec":{"replicas":1}}`), metav1.PatchOptions{})
	must(t, err)
	gone := func(name string) {
		t.Helper()
		until(t, "claim "+name+" to go", func(ctx context.Context) error {
			claim, err := c.CoreV1().PersistentVolumeClaims(ns).Get(ctx, name, metav1.GetOptions{})
			if !apierrors.IsNotFound(err) {
				return fmt.Errorf("it is still there, owned by %+v (%v)", claim.OwnerReferences, err)
			}
			return nil
		})
	}
	gone("data-web-1")
	if _, err := c.CoreV1().PersistentVolumeClaims(ns).Get(ctx, "data-web-0", metav1.GetOptions{}); err != nil {
		t.Error(err)
	}
	must(t, sets.Delete(ctx, "web", metav1.DeleteOptions{}))
	gone("data-web-0")
}
