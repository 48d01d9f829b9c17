package statefulset

import (
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/etalon-dev/etalon/reference/controllers/controller"
)

// tell makes the event that what the verb says was done to a pod, or failed. Where
// the namespace is going away there is nobody left to read it.
func (c *Controller) tell(set *appsv1.StatefulSet, verb, pod string, err error) {
	reason := strings.ToUpper(verb[:1]) + verb[1:]
	switch {
	case err == nil:
		c.events.Eventf(set, corev1.EventTypeNormal, "Successful"+reason, "%s Pod %s in StatefulSet %s successful", verb, pod, set.Name)
	case !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		c.events.Eventf(set, corev1.EventTypeWarning, "Failed"+reason, "%s Pod %s in StatefulSet %s failed error: %v", verb, pod, set.Name, err)
	}
}

// tellClaim makes the event that a claim was made for a pod, or could not be.
func (c *Controller) tellClaim(set *appsv1.StatefulSet, claim, pod string, err error) {
	switch {
	case err == nil:
		c.events.Eventf(set, corev1.EventTypeNormal, controller.SuccessfulCreate, "create Claim %s Pod %s in StatefulSet %s success", claim, pod, set.Name)
	case !apierrors.HasStatusCause(err, corev1.NamespaceTerminatingCause):
		c.events.Eventf(set, corev1.EventTypeWarning, controller.FailedCreate, "create Claim %s for Pod %s in StatefulSet %s failed error: %v", claim, pod, set.Name, err)
	}
}

// tellEnded makes the event that a pod which was to run for ever has ended.
func (c *Controller) tellEnded(set *appsv1.StatefulSet, pod *corev1.Pod) {
	if pod.Status.Phase == corev1.PodFailed {
		c.events.Eventf(set, corev1.EventTypeWarning, "RecreatingFailedPod", "StatefulSet %s/%s is recreating failed Pod %s", set.Namespace, set.Name, pod.Name)
		return
	}
	c.events.Eventf(set, corev1.EventTypeNormal, "RecreatingTerminatedPod", "StatefulSet %s/%s is recreating terminated Pod %s", set.Namespace, set.Name, pod.Name)
}
