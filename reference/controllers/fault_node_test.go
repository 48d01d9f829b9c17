package controllers_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"

	"github.com/etalon-dev/etalon/reference/controllers"
	"github.com/etalon-dev/etalon/reference/controllers/controller"
	"github.com/etalon-dev/etalon/reference/controllers/controllertest/fault"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
)

// Of four nodes one never reports, and one is lost and comes back. No node falls
// silent while the test runs, however long that takes: the lost one says itself
// that it is Unknown.
func nodeFaults() []fault.Scenario {
	start := func(ctx context.Context, config *rest.Config) error {
		patient := nodelifecycle.Options{
			Grace: time.Hour, StartupGrace: time.Millisecond, Period: time.Millisecond,
			EvictionRate: 1000, SecondaryRate: 1000, LargeZone: 1, UnhealthyShare: 1,
		}
		return controllers.Run(ctx, controllers.Options{
			Config: config, NodeLifecycle: patient, Controllers: []string{"node-lifecycle-controller", "taint-eviction-controller"},
		})
	}
	taintedSilent := "unreachable:NoSchedule unreachable:NoExecute"
	return []fault.Scenario{{
		Name: "node", Start: start, Cluster: []string{"nodes"}, Outcome: nodeOutcome,
		Steps: []fault.Step{
			{Name: "create", Do: createNodes, Until: nodesAre(map[string]string{"silent": taintedSilent, "lost": "", "a": "", "b": ""}, "on-a on-lost tolerant")},
			{Name: "lose", Do: nodeIs("lost", corev1.ConditionUnknown), Until: nodesAre(map[string]string{"silent": taintedSilent, "lost": taintedSilent, "a": "", "b": ""}, "on-a tolerant?")},
			{Name: "find", Do: nodeIs("lost", corev1.ConditionTrue), Until: nodesAre(map[string]string{"silent": taintedSilent, "lost": "", "a": "", "b": ""}, "on-a tolerant?")},
		},
	}}
}

// createNodes makes the nodes, and three pods on two of them.
func createNodes(ctx context.Context, r *fault.Round) error {
	for _, name := range []string{"silent", "lost", "a", "b"} {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: r.Namespace + "-" + name, Labels: map[string]string{fault.Label: r.Namespace}}}
		if name != "silent" {
			node.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastHeartbeatTime: metav1.Now()}}
		}
		if _, err := r.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for name, on := range map[string]string{"on-a": "a", "on-lost": "lost", "tolerant": "lost"} {
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: template("web").Spec}
		pod.Spec.NodeName = r.Namespace + "-" + on
		// Without these, it would be given five minutes.
		if pod.Spec.Tolerations = []corev1.Toleration{
			{Key: corev1.TaintNodeNotReady, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64)},
			{Key: corev1.TaintNodeUnreachable, Effect: corev1.TaintEffectNoExecute, TolerationSeconds: new(int64)},
		}; name == "tolerant" {
			pod.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
		}
		for i := range pod.Spec.Tolerations {
			pod.Spec.Tolerations[i].Operator = corev1.TolerationOpExists
		}
		if _, err := r.Client.CoreV1().Pods(r.Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// nodeIs has the node of that name say that it is ready, or not.
func nodeIs(name string, ready corev1.ConditionStatus) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		change := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":%q}]}}`, ready)
		_, err := r.Client.CoreV1().Nodes().Patch(ctx, r.Namespace+"-"+name, types.StrategicMergePatchType, change, metav1.PatchOptions{}, "status")
		return err
	}
}

// nodesAre waits until the nodes have these taints, and until these are the pods,
// of which those with a question mark are not ready.
func nodesAre(taints map[string]string, pods string) func(ctx context.Context, r *fault.Round) error {
	return func(ctx context.Context, r *fault.Round) error {
		for name, want := range taints {
			node, err := r.Client.CoreV1().Nodes().Get(ctx, r.Namespace+"-"+name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			var have []string
			for _, taint := range node.Spec.Taints {
				have = append(have, strings.TrimPrefix(taint.Key, "node.kubernetes.io/")+":"+string(taint.Effect))
			}
			if found := strings.Join(have, " "); found != want {
				return fmt.Errorf("node %s has taints %q, want %q", name, found, want)
			}
		}
		list, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		var have []string
		for i := range list.Items {
			have = append(have, told(&list.Items[i]))
		}
		if found := strings.Join(have, " "); found != pods {
			return fmt.Errorf("pods %q, want %q", found, pods)
		}
		return nil
	}
}

// told is the pod's name, with a question mark if it is not ready.
func told(pod *corev1.Pod) string {
	if controller.IsReady(pod) {
		return pod.Name
	}
	return pod.Name + "?"
}

// nodeOutcome tells of the nodes' taints and conditions, and of the pods.
func nodeOutcome(ctx context.Context, r *fault.Round) (string, error) {
	nodes, err := r.Client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: fault.Label + "=" + r.Namespace})
	if err != nil {
		return "", err
	}
	var lines []string
	for _, node := range nodes.Items {
		lines = append(lines, fmt.Sprint(strings.TrimPrefix(node.Name, r.Namespace), fault.Text(node.Spec.Taints, "timeAdded"), fault.Text(node.Status.Conditions)))
	}
	pods, err := r.Client.CoreV1().Pods(r.Namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", err
	}
	for _, pod := range pods.Items {
		lines = append(lines, fmt.Sprint("pod ", pod.Name, fault.Text(pod.Status.Conditions)))
	}
	return fault.Lines(lines), nil
}
