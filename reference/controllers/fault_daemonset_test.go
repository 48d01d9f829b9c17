package controllers_test

import (
	"context"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
)

func daemonSetFaults() []fault.Scenario {
	start := runs("daemonset-controller")
	return []fault.Scenario{
		{
			Name: "daemonset", Start: start, Outcome: daemonSetOutcome, Throughout: perNode(1),
			Steps: []fault.Step{
				{Name: "create", Do: createDaemonSet(0), Until: daemonsAre(1)},
				{Name: "update", Do: daemonImage(2), Until: daemonsAre(2)},
				{Name: "and back", Do: daemonImage(1), Until: daemonsAre(1)},
			},
		},
		{
			Name: "daemonset-surge", Start: start, Outcome: daemonSetOutcome, Throughout: perNode(2),
			Steps: []fault.Step{
				{Name: "create", Do: createDaemonSet(1), Until: daemonsAre(1)},
				{Name: "update", Do: daemonImage(2), Until: daemonsAre(2)},
			},
		},
	}
}

// faultNodes are the nodes of all rounds: nodes have no namespace.
var faultNodes = []string{"fault-a", "fault-b"}

// createDaemonSet makes the DaemonSet web, for nodes that it makes too if another
// round has not.
func createDaemonSet(surge int) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		for _, name := range faultNodes {
			node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"faults": "daemons"}}}
			_, err := r.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{})
			if err != nil && !apierrors.IsAlreadyExists(err) {
				return err
			}
		}
		set := &appsv1.DaemonSet{
			ObjectMeta: metav1.ObjectMeta{Name: "web"},
			Spec: appsv1.DaemonSetSpec{
				Selector:             &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}},
				Template:             template("web"),
				RevisionHistoryLimit: ptr.To[int32](1),
				UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType, RollingUpdate: &appsv1.RollingUpdateDaemonSet{
					MaxUnavailable: ptr.To(intstr.FromInt(1 - surge)), MaxSurge: ptr.To(intstr.FromInt(surge)),
				}},
			},
		}
		set.Spec.Template.Spec.NodeSelector = map[string]string{"faults": "daemons"}
		// No controller is here to take the taint of new nodes away.
		set.Spec.Template.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		_, err := r.Client.AppsV1().DaemonSets(r.Namespace).Create(ctx, set, metav1.CreateOptions{})
		return err
	}
}

// daemonImage changes the template of the DaemonSet web.
func daemonImage(version int) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		change := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"containers":[{"name":"c","image":"etalon.dev/tool:v%d"}]}}}}`, version)
		_, err := r.Client.AppsV1().DaemonSets(r.Namespace).Patch(ctx, "web", types.StrategicMergePatchType, change, metav1.PatchOptions{})
		return err
	}
}

// daemonsAre waits until each node has a pod of the version, and says so.
func daemonsAre(version int) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		set, err := r.Client.AppsV1().DaemonSets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
		if err != nil {
			return err
		}
		n := int32(len(faultNodes))
		if s := set.Status; s.ObservedGeneration != set.Generation || s.DesiredNumberScheduled != n || s.CurrentNumberScheduled != n ||
			s.UpdatedNumberScheduled != n || s.NumberAvailable != n {
			return fmt.Errorf("generation %d, status %+v", set.Generation, s)
		}
		pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		for _, pod := range pods.Items {
			if image := pod.Spec.Containers[0].Image; image != fmt.Sprint("etalon.dev/tool:v", version) {
				return fmt.Errorf("pod %s of %s", pod.Name, image)
			}
		}
		if len(pods.Items) != len(faultNodes) {
			return fmt.Errorf("%d pods", len(pods.Items))
		}
		return nil
	}
}

// daemonSetOutcome tells of the DaemonSet, its revisions and its pods. How a
// revision is called depends on nothing but the template, so the names count.
func daemonSetOutcome(ctx context.Context, r *fault.Round) (string, error) {
	set, err := r.Client.AppsV1().DaemonSets(r.Namespace).Get(ctx, "web", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	lines := []string{fmt.Sprint(fault.Text(set.Annotations), fault.Text(set.Status))}
	revisions, err := r.Client.AppsV1().ControllerRevisions(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, revision := range revisions.Items {
		lines = append(lines, fmt.Sprint(revision.Name, " ", revision.Revision, fault.Text(revision.Labels)))
	}
	pods, err := podOutcome(ctx, r)
	return fault.Lines(append(lines, pods...)), err
}

// perNode checks that no node has more pods that are not terminating than that,
// but for one that was forgotten in a crash.
func perNode(most int) func() func(pods []*corev1.Pod) error {
	return func() func(pods []*corev1.Pod) error {
		return func(pods []*corev1.Pod) error {
			on := map[string]int{}
			total := 0
			for _, pod := range pods {
				if pod.DeletionTimestamp != nil {
					continue
				}
				node := pod.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms[0].MatchFields[0].Values[0]
				total++
				if on[node]++; on[node] > most+1 {
					return fmt.Errorf("%d pods on node %s", on[node], node)
				}
			}
			if total > most*len(faultNodes)+1 {
				return fmt.Errorf("%d pods", total)
			}
			return nil
		}
	}
}
