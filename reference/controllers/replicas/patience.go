package replicas

import "time"

const (
	// moment is how long a status waits for pods that have just been asked for or
	// are starting: too short to be felt, and longer than the events of pods that
	// come at once are apart.
	moment = 50 * time.Millisecond
	// while is how long it may wait that a pod has gone that did not count any more.
	while = time.Second
)

// patience is how long the status may wait for what is about to change it again;
// zero if it must not. Acted says that pods were created or deleted after those of
// the status were counted. A Deployment waits for each pod less, and for all pods
// to be ready, so neither is put off; nor is a failure, or its end.
func patience(set *Set, status Status, acted bool) time.Duration {
	before := set.Status
	fewer := status.Replicas < before.Replicas || status.ReadyReplicas < before.ReadyReplicas || status.AvailableReplicas < before.AvailableReplicas
	switch {
	case status.Failure != nil || before.Failure != nil:
		return 0
	case acted:
		return moment
	case fewer:
		return 0
	case status.ReadyReplicas < status.Replicas:
		return moment
	case onlyGone(before, status) && (set.Replicas > 0 || *status.TerminatingReplicas > 0):
		return while
	}
	return 0
}

// onlyGone reports whether all that has happened is that terminating pods are
// gone. Only Recreate waits for these: for the last one of a set of which it wants none.
func onlyGone(before, after Status) bool {
	if before.TerminatingReplicas == nil || after.TerminatingReplicas == nil || *after.TerminatingReplicas >= *before.TerminatingReplicas {
		return false
	}
	before.TerminatingReplicas = after.TerminatingReplicas
	return before.equal(after)
}
