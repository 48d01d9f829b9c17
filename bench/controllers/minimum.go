package controllers

// need is a kind of write that a change needs, whoever makes it, for each object.
type need struct {
	Verb     string `json:"verb"` // "write" is an update or a patch
	Resource string `json:"resource"`
	Count    int    `json:"count"`
	Why      string `json:"why"`
}

// The minimum of each change of one object with r replicas. It follows from what the API promises of the result, with
// one write where one can say it all:
//   - a status is written once for each state that others must see: the end and, where pods come or go one after
//     another, each step, for that is what a user who watches a rollout sees;
//   - Events are messages, and are counted apart.

// A Deployment says in its status what its ReplicaSet says in its own, and notes the revision in an annotation, which
// is no part of the status and so a write of its own.
func deploymentCreated(r int) []need {
	return append([]need{
		{"create", "deployments", 1, "the client's"},
		{"write", "deployments", 1, "the annotation with its revision"},
		{"create", "replicasets", 1, "one, of its final size"},
		{"write", "replicasets/status", 1, "all replicas are available"},
		{"write", "deployments/status", 1, "all replicas are available"},
	}, podsCome(r)...)
}

// deploymentRolledOut is with a surge of one and none unavailable, so in r steps: the next step waits for the
// status of the ReplicaSets.
func deploymentRolledOut(r int) []need {
	needs := []need{
		{"write", "deployments", 2, "the client's new template; the annotation with its revision"},
		{"create", "replicasets", 1, "the new one, with the first replica"},
		{"write", "replicasets", 2*r - 1, "each step takes one from the old and, after the first, adds one to the new"},
		{"write", "replicasets/status", 2 * r, "each step: one more is available in the new, one less is in the old"},
		{"write", "deployments/status", r, "each step: one more is updated and available"},
	}
	return append(append(needs, podsCome(r)...), podsGo(r)...)
}

func deploymentScaled(more int) []need {
	return append([]need{
		{"write", "deployments", 1, "the client's"},
		{"write", "replicasets", 1, "its size, and the annotations with that, at once"},
		{"write", "replicasets/status", 1, "all replicas are available"},
		{"write", "deployments/status", 1, "all replicas are available"},
	}, podsCome(more)...)
}

// deploymentDeleted is a background deletion with an old and a new ReplicaSet.
func deploymentDeleted(r int) []need {
	return append([]need{
		{"delete", "deployments", 1, "the client's"},
		{"delete", "replicasets", 2, "the old and the new one"},
	}, podsGo(r)...)
}

// A ReplicaSet asks for all its pods at once, and has nothing to say until they are available.
func replicaSetCreated(r int) []need {
	return append([]need{
		{"create", "replicasets", 1, "the client's"},
		{"write", "replicasets/status", 1, "all replicas are available"},
	}, podsCome(r)...)
}

func replicaSetScaledUp(more int) []need {
	return append([]need{
		{"write", "replicasets", 1, "the client's"},
		{"write", "replicasets/status", 1, "all replicas are available"},
	}, podsCome(more)...)
}

// replicaSetScaledDown: a pod that is on its way out is none of the replicas any more, so that one status says it.
func replicaSetScaledDown(less int) []need {
	return append([]need{
		{"write", "replicasets", 1, "the client's"},
		{"write", "replicasets/status", 1, "so many replicas are left"},
	}, podsGo(less)...)
}

func replicaSetDeleted(r int) []need {
	return append([]need{{"delete", "replicasets", 1, "the client's"}}, podsGo(r)...)
}

// A StatefulSet makes a pod when the one before is ready, and before the first keeps its template in a revision.
func statefulSetCreated(r int) []need {
	return append([]need{
		{"create", "statefulsets", 1, "the client's"},
		{"create", "controllerrevisions", 1, "its template"},
		{"write", "statefulsets/status", r, "each step: one more replica is available"},
	}, podsCome(r)...)
}

// statefulSetRolledOut replaces one pod after another. The last status also says that the update is complete.
func statefulSetRolledOut(r int) []need {
	needs := []need{
		{"write", "statefulsets", 1, "the client's new template"},
		{"create", "controllerrevisions", 1, "its template"},
		{"write", "statefulsets/status", r, "each step: one more is updated and available"},
	}
	return append(append(needs, podsCome(r)...), podsGo(r)...)
}

func statefulSetScaled(more int) []need {
	return append([]need{
		{"write", "statefulsets", 1, "the client's"},
		{"write", "statefulsets/status", more, "each step: one more replica is available"},
	}, podsCome(more)...)
}

func statefulSetDeleted(r int) []need {
	return append([]need{
		{"delete", "statefulsets", 1, "the client's"},
		{"delete", "controllerrevisions", 2, "the old and the new one"},
	}, podsGo(r)...)
}

// A DaemonSet makes all its pods at once, and keeps its template in a revision.
func daemonSetCreated(nodes int) []need {
	return append([]need{
		{"create", "daemonsets", 1, "the client's"},
		{"create", "controllerrevisions", 1, "its template"},
		{"write", "daemonsets/status", 1, "all are available"},
	}, podsCome(nodes)...)
}

// daemonSetRolledOut is with one unavailable, so in as many steps as there are nodes.
func daemonSetRolledOut(nodes int) []need {
	needs := []need{
		{"write", "daemonsets", 1, "the client's new template"},
		{"create", "controllerrevisions", 1, "its template"},
		{"write", "daemonsets/status", nodes, "each step: one more is updated and available"},
	}
	return append(append(needs, podsCome(nodes)...), podsGo(nodes)...)
}

func daemonSetDeleted(nodes int) []need {
	return append([]need{
		{"delete", "daemonsets", 1, "the client's"},
		{"delete", "controllerrevisions", 2, "the old and the new one"},
	}, podsGo(nodes)...)
}

// A Job whose pods all run and end at the same time. A pod must not be lost or counted twice, whenever the controller
// is killed: it has a finalizer until it is counted, and what says that the Job is complete comes after the last
// finalizer has gone, as its conditions promise (SuccessCriteriaMet, then Complete).
func jobRan(r int) []need {
	return append(append([]need{
		{"create", "jobs", 1, "the client's"},
		{"write", "jobs/status", 3, "it runs, since when; it has succeeded, by these pods; they are counted, and it is complete"},
		{"write", "pods", r, "the finalizer goes once the pod is accounted for"},
	}, podsCome(r)...), need{"write", "pods/status", r, "the node's: it has ended"})
}

// jobDeleted is with pods that have ended: nothing has to be stopped.
func jobDeleted(r int) []need {
	return []need{
		{"delete", "jobs", 1, "the client's"},
		{"delete", "pods", r, "they have ended, so that one request does"},
	}
}

// A CronJob whose time comes once, for a Job of one pod.
func cronJobRan() []need {
	needs := []need{
		{"create", "cronjobs", 1, "the client's"},
		{"write", "cronjobs/status", 2, "a Job runs, and was scheduled when; it has succeeded, and when"},
	}
	return append(needs, jobRan(1)...)
}

func cronJobDeleted() []need {
	return append([]need{{"delete", "cronjobs", 1, "the client's"}}, jobDeleted(1)...)
}

func podsCome(n int) []need {
	return []need{
		{"create", "pods", n, ""},
		{"create", "pods/binding", n, "the scheduler's"},
		{"write", "pods/status", n, "the node's: running and ready"},
	}
}

func podsGo(n int) []need {
	return []need{
		{"delete", "pods", 2 * n, "the request, and the node's word that nothing is left"},
		{"write", "pods/status", n, "the node's: how it ended"},
	}
}

func total(needs []need) int {
	n := 0
	for _, one := range needs {
		n += one.Count
	}
	return n
}

// kind names a request as needs do.
func (c call) kind() (verb, resource string) {
	switch c.Verb {
	case "update", "patch":
		return "write", c.Resource
	case "deletecollection":
		return "delete", c.Resource
	}
	return c.Verb, c.Resource
}
