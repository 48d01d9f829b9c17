package labels

import (
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

var _ = Describe("selectors of controllers", func() {
	f := New()

	f.It("labels/match-expressions", func(ctx SpecContext) {
		fits := map[string]string{"app": "web", "tier": "front", "track": "stable", "owner": "me"}
		// Each of these breaks one requirement and meets the others.
		strangers := map[string]map[string]string{
			"label":          {"app": "db", "tier": "front", "track": "stable", "owner": "me"},
			"in":             {"app": "web", "tier": "mid", "track": "stable", "owner": "me"},
			"not-in":         {"app": "web", "tier": "front", "track": "canary", "owner": "me"},
			"exists":         {"app": "web", "tier": "front", "track": "stable"},
			"does-not-exist": {"app": "web", "tier": "front", "track": "stable", "owner": "me", "retired": "yes"},
		}
		pods := f.WatchPods(ctx, "")
		for name, labels := range strangers {
			pod := Idle()
			pod.Name, pod.Labels = name, labels
			f.Create(ctx, pod)
		}
		// Without the label track, NotIn holds.
		for name, labels := range map[string]map[string]string{"fits": fits, "fits-too": {"app": "web", "tier": "back", "owner": ""}} {
			pod := Idle()
			pod.Name, pod.Labels = name, labels
			f.Create(ctx, pod)
		}
		pods.MustReach(ctx, "the pods are known to the cluster", Exactly(len(strangers)+2, Unschedulable))
		rs := ReplicaSet("web", 3, Idle())
		rs.Spec.Template.Labels = maps.Clone(fits)
		rs.Spec.Selector = &metav1.LabelSelector{
			MatchLabels: map[string]string{"app": "web"},
			MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"front", "back"}},
				{Key: "track", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"canary"}},
				{Key: "owner", Operator: metav1.LabelSelectorOpExists},
				{Key: "retired", Operator: metav1.LabelSelectorOpDoesNotExist},
			},
		}
		f.Create(ctx, rs)
		owned := func(pod *corev1.Pod) bool { return OwnedBy(pod, rs) }
		// It may not have heard of the two yet when it makes its first; then it removes what is too many.
		pods.MustReach(ctx, "the ReplicaSet has taken the two pods", func(pods []*corev1.Pod) bool {
			return len(Where(pods, owned, func(p *corev1.Pod) bool { return p.Name == "fits" || p.Name == "fits-too" })) == 2
		})
		pods.MustReach(ctx, "it has 3 pods", func(pods []*corev1.Pod) bool { return len(Where(pods, owned)) == 3 })
		pods.MustNever(ctx, "it takes a pod that breaks a requirement, or makes another", func(pods []*corev1.Pod) bool {
			taken := Where(pods, owned)
			return len(taken) > 3 || slices.ContainsFunc(taken, func(p *corev1.Pod) bool { return strangers[p.Name] != nil })
		}, Quiet)
	})

	f.It("labels/match-expressions-values", func(ctx SpecContext) {
		for _, wrong := range []struct {
			requirement metav1.LabelSelectorRequirement
			field       string
		}{
			{metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpIn}, "values"},
			{metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpNotIn}, "values"},
			{metav1.LabelSelectorRequirement{Key: "app", Operator: metav1.LabelSelectorOpExists, Values: []string{"web"}}, "values"},
			{metav1.LabelSelectorRequirement{Key: "gone", Operator: metav1.LabelSelectorOpDoesNotExist, Values: []string{"web"}}, "values"},
			{metav1.LabelSelectorRequirement{Key: "app", Operator: "Like", Values: []string{"web"}}, "operator"},
		} {
			rs := ReplicaSet("web", 1, Idle())
			rs.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{wrong.requirement}
			MustBeInvalid(f.TryCreate(ctx, rs), "spec.selector.matchExpressions[0]."+wrong.field)
			d := Deployment("web", 1, Idle())
			d.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{wrong.requirement}
			MustBeInvalid(f.TryCreate(ctx, d), "spec.selector.matchExpressions[0]."+wrong.field)
		}
	})

	f.It("labels/selector-matches-template", func(ctx SpecContext) {
		rs := ReplicaSet("web", 1, Idle())
		rs.Spec.Template.Labels = map[string]string{"app": "db"}
		MustBeInvalid(f.TryCreate(ctx, rs), "spec.template.metadata.labels", "`selector` does not match template `labels`")
		d := Deployment("web", 1, Idle())
		d.Spec.Template.Labels = map[string]string{"app": "db"}
		MustBeInvalid(f.TryCreate(ctx, d), "spec.template.metadata.labels", "`selector` does not match template `labels`")
		rc := Controller("web", 1, Idle())
		rc.Spec.Template.Labels = map[string]string{"app": "db"}
		MustBeInvalid(f.TryCreate(ctx, rc), "spec.template.metadata.labels", "`selector` does not match template `labels`")
	})
})
