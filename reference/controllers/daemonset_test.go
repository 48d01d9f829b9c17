package controllers_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// A DaemonSet follows its nodes, rolls out a new template and back again.
func daemonSetFollowsNodes(t *testing.T, c *cluster, ns string) {
	ctx := t.Context()
	node := func(name string, chosen bool) {
		labels := map[string]string{"chosen-by": ns}
		if !chosen {
			labels = nil
		}
		_, err := c.CoreV1().Nodes().Create(ctx, &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels}}, metav1.CreateOptions{})
		must(t, err)
	}
	node("ds-a", true)
	node("ds-b", true)
	node("ds-c", false)
	sets := c.AppsV1().DaemonSets(ns)
	set := &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Spec:       appsv1.DaemonSetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "agent"}}, Template: template("agent")},
	}
	set.Spec.Template.Spec.NodeSelector = map[string]string{"chosen-by": ns}
	_, err := sets.Create(ctx, set, metav1.CreateOptions{})
	must(t, err)
	c.untilDaemons(t, ns, "etalon.dev/tool:v1", "ds-a", "ds-b")

	label := []byte(fmt.Sprintf(`{"metadata":{"labels":{"chosen-by":%q}}}`, ns))
	_, err = c.CoreV1().Nodes().Patch(ctx, "ds-c", types.MergePatchType, label, metav1.PatchOptions{})
	must(t, err)
	_, err = c.CoreV1().Nodes().Patch(ctx, "ds-a", types.MergePatchType, []byte(`{"metadata":{"labels":{"chosen-by":null}}}`), metav1.PatchOptions{})
	must(t, err)
	c.untilDaemons(t, ns, "etalon.dev/tool:v1", "ds-b", "ds-c")

	_, err = sets.Patch(ctx, "agent", types.StrategicMergePatchType,
		[]byte(`{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v2"}]}}}}`), metav1.PatchOptions{})
	must(t, err)
	c.untilDaemons(t, ns, "etalon.dev/tool:v2", "ds-b", "ds-c")

	// As kubectl rollout undo does it.
	revisions, err := c.AppsV1().ControllerRevisions(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=agent"})
	must(t, err)
	slices.SortFunc(revisions.Items, func(a, b appsv1.ControllerRevision) int { return int(a.Revision - b.Revision) })
	if len(revisions.Items) != 2 || revisions.Items[0].Revision != 1 || revisions.Items[1].Revision != 2 {
		t.Fatalf("revisions %+v", revisions.Items)
	}
	_, err = sets.Patch(ctx, "agent", types.StrategicMergePatchType, revisions.Items[0].Data.Raw, metav1.PatchOptions{})
	must(t, err)
	c.untilDaemons(t, ns, "etalon.dev/tool:v1", "ds-b", "ds-c")
	again, err := c.AppsV1().ControllerRevisions(ns).Get(ctx, revisions.Items[0].Name, metav1.GetOptions{})
	must(t, err)
	if again.Revision != 3 {
		t.Errorf("the revision that was gone back to has number %d, want 3", again.Revision)
	}
	until(t, "the events of new pods", func(ctx context.Context) error {
		return c.hasEvent(ctx, ns, "daemonset-controller", "SuccessfulCreate")
	})
}

// untilDaemons waits until the set runs the image on those nodes and no others,
// and says so.
func (c *cluster) untilDaemons(t *testing.T, ns, image string, nodes ...string) {
	t.Helper()
	until(t, fmt.Sprintf("pods of %s on %v", image, nodes), func(ctx context.Context) error {
		pods, err := c.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{LabelSelector: "app=agent"})
		if err != nil {
			return err
		}
		var on []string
		for _, pod := range pods.Items {
			if pod.DeletionTimestamp != nil || pod.Spec.Containers[0].Image != image {
				return fmt.Errorf("pod %s of %s", pod.Name, pod.Spec.Containers[0].Image)
			}
			terms := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms
			on = append(on, terms[0].MatchFields[0].Values[0])
		}
		slices.Sort(on)
		if !slices.Equal(on, nodes) {
			return fmt.Errorf("on %v", on)
		}
		set, err := c.AppsV1().DaemonSets(ns).Get(ctx, "agent", metav1.GetOptions{})
		if err != nil {
			return err
		}
		n := int32(len(nodes))
		if s := set.Status; s.ObservedGeneration != set.Generation || s.DesiredNumberScheduled != n || s.CurrentNumberScheduled != n ||
			s.UpdatedNumberScheduled != n || s.NumberAvailable != n || s.NumberReady != n || s.NumberUnavailable != 0 || s.NumberMisscheduled != 0 {
			return fmt.Errorf("status %+v", s)
		}
		return nil
	})
}
