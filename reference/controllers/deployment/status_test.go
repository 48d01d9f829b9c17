package deployment

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"
)

func reason(c *cluster, kind appsv1.DeploymentConditionType) string {
	if found := condition(&c.d.Status, kind); found != nil {
		return string(found.Status) + " " + found.Reason
	}
	return ""
}

// rollout is a Deployment in the middle of its first rollout.
func rollout(t *testing.T) *cluster {
	c := newCluster(2, appsv1.DeploymentStrategy{})
	c.reconcile()
	setCondition(&c.d.Status, appsv1.DeploymentProgressing, corev1.ConditionTrue, newReplicaSetCreated, "", c.now)
	if got := reason(c, appsv1.DeploymentAvailable); got != "False MinimumReplicasUnavailable" {
		t.Errorf("Available is %q without pods", got)
	}
	return c
}

func TestProgressEndsInSuccess(t *testing.T) {
	c := rollout(t)
	c.syncSet(c.sets[0], none, first)
	c.syncSet(c.sets[0], none, first)
	c.reconcile()
	if got := reason(c, appsv1.DeploymentProgressing); got != "True ReplicaSetUpdated" {
		t.Errorf("with new pods Progressing is %q", got)
	}
	c.settle(t)
	if got := reason(c, appsv1.DeploymentProgressing); got != "True NewReplicaSetAvailable" {
		t.Errorf("when complete Progressing is %q", got)
	}
	if got := reason(c, appsv1.DeploymentAvailable); got != "True MinimumReplicasAvailable" {
		t.Errorf("when complete Available is %q", got)
	}
	if in := deadlineIn(c.d, &c.d.Status, c.now); in != 0 {
		t.Errorf("a complete Deployment has a deadline in %s", in)
	}
	c.now = c.now.Add(time.Hour)
	c.pods[0].ready, c.pods[0].available = false, false
	c.showHealth()
	c.reconcile()
	if got := reason(c, appsv1.DeploymentProgressing); got != "True NewReplicaSetAvailable" {
		t.Errorf("a pod lost after completion makes Progressing %q", got)
	}
}

func TestProgressMissesItsDeadline(t *testing.T) {
	c := rollout(t)
	c.d.Spec.ProgressDeadlineSeconds = ptr.To[int32](60)
	c.syncSet(c.sets[0], none, first)
	c.syncSet(c.sets[0], none, first)
	c.reconcile()
	in := deadlineIn(c.d, &c.d.Status, c.now)
	if in < time.Minute || in > time.Minute+2*time.Second {
		t.Errorf("the deadline is looked at in %s, want just over a minute", in)
	}
	c.now = c.now.Add(in)
	c.reconcile()
	if got := reason(c, appsv1.DeploymentProgressing); got != "False ProgressDeadlineExceeded" {
		t.Errorf("after the deadline Progressing is %q", got)
	}
	if got := condition(&c.d.Status, appsv1.DeploymentProgressing).Message; got != `ReplicaSet "`+c.sets[0].Name+`" has timed out progressing.` {
		t.Errorf("message %q", got)
	}
	c.settle(t)
	if got := reason(c, appsv1.DeploymentProgressing); got != "True NewReplicaSetAvailable" {
		t.Errorf("late success makes Progressing %q", got)
	}
}

func TestFailureIsCarriedOver(t *testing.T) {
	c := rollout(t)
	c.sets[0].Status.Conditions = []appsv1.ReplicaSetCondition{{
		Type: appsv1.ReplicaSetReplicaFailure, Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota",
	}}
	c.reconcile()
	if got := reason(c, appsv1.DeploymentReplicaFailure); got != "True FailedCreate" {
		t.Errorf("ReplicaFailure is %q", got)
	}
	c.sets[0].Status.Conditions = nil
	c.reconcile()
	if got := reason(c, appsv1.DeploymentReplicaFailure); got != "" {
		t.Errorf("without a failure ReplicaFailure is %q", got)
	}
}

func TestPauseIsNoted(t *testing.T) {
	c := rollout(t)
	c.d.Spec.Paused = true
	notePause(&c.d.Status, c.d, c.now)
	if got := reason(c, appsv1.DeploymentProgressing); got != "Unknown DeploymentPaused" {
		t.Errorf("paused, Progressing is %q", got)
	}
	c.d.Spec.Paused = false
	notePause(&c.d.Status, c.d, c.now)
	if got := reason(c, appsv1.DeploymentProgressing); got != "Unknown DeploymentResumed" {
		t.Errorf("resumed, Progressing is %q", got)
	}
}

func TestTerminatingPodsAreCounted(t *testing.T) {
	c := rollout(t)
	if got := terminating(c.sets); got != nil {
		t.Errorf("%d pods are terminating although the set does not say", *got)
	}
	c.sets[0].Status.TerminatingReplicas = ptr.To[int32](2)
	if got := terminating(c.sets); got == nil || *got != 2 {
		t.Errorf("terminating: %v, want 2", got)
	}
}

// A controller that was killed after it had made the set of a new template, and
// before it had said so, still tells of that set in the end.
func TestCompletionIsThatOfTheCurrentSet(t *testing.T) {
	c := newCluster(2, appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType})
	c.settle(t)
	told := c.d.Status.DeepCopy()
	c.deploy(2)
	c.settle(t)
	current, _ := split(c.d, c.sets)
	c.d.Status.Conditions = told.Conditions
	c.settle(t)
	if got, want := condition(&c.d.Status, appsv1.DeploymentProgressing).Message, `ReplicaSet "`+current.Name+`" has successfully progressed.`; got != want {
		t.Errorf("message %q, want %q", got, want)
	}
}
