package devicetainteviction

import (
	"fmt"
	"strings"
	"time"

	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// statusPeriod is how long a rule, or what has been said about it, stands before something else is said: a scheduler
// that has yet to hear of the rule may place pods meanwhile.
const statusPeriod = 10 * time.Second

// progress is what a rule does, or would do.
type progress struct {
	// pods have to go, in so many namespaces.
	pods, namespaces int
	// evicted have gone since the process started.
	evicted int
	// published and allocated are devices that the rule selects; they are counted only for one without effect.
	published, allocated int
}

// condition is what the status of the rule is to say. nil leaves it as it is.
func condition(rule *resourcev1.DeviceTaintRule, p progress, now time.Time) *metav1.Condition {
	want := metav1.Condition{Type: resourcev1.DeviceTaintConditionEvictionInProgress, Status: metav1.ConditionFalse, ObservedGeneration: rule.Generation}
	have := meta.FindStatusCondition(rule.Status.Conditions, want.Type)
	told := have != nil && have.ObservedGeneration == rule.Generation
	var says []string
	switch rule.Spec.Taint.Effect {
	case resourcev1.DeviceTaintEffectNoExecute:
		switch {
		case p.pods > 0:
			want.Status, want.Reason = metav1.ConditionTrue, "PodsPendingEviction"
			says = append(says, fmt.Sprintf("%s to be evicted in %s.", count(p.pods, "pod needs", "pods need"), namespaces(p.namespaces)))
		case p.evicted > 0:
			want.Reason = "Completed"
		case told && have.Status == metav1.ConditionFalse:
			return nil // Another process may have counted what it evicted.
		default:
			want.Reason = "NotStarted"
		}
	case resourcev1.DeviceTaintEffectNone:
		if told {
			return nil
		}
		want.Reason = "NoEffect"
		says = append(says, count(p.published, "published device selected.", "published devices selected."),
			count(p.allocated, "allocated device selected.", "allocated devices selected."),
			fmt.Sprintf("%s would be evicted in %s if the effect was NoExecute.", count(p.pods, "pod", "pods"), namespaces(p.namespaces)),
			"This information will not be updated again. Recreate the DeviceTaintRule to trigger an update.")
	default:
		want.Reason = "Effect" + string(rule.Spec.Taint.Effect)
	}
	if p.evicted > 0 {
		says = append(says, fmt.Sprintf("%s evicted since starting the controller.", count(p.evicted, "pod", "pods")))
	}
	want.Message = strings.Join(says, " ")
	want.LastTransitionTime = metav1.NewTime(now)
	if have != nil && have.Status == want.Status {
		want.LastTransitionTime = have.LastTransitionTime
	}
	if have != nil && *have == want {
		return nil
	}
	return &want
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", many)
}

func namespaces(n int) string { return count(n, "namespace", "different namespaces") }
