package controllers

// need is a kind of write that a change needs, whoever makes it, for each object.
type need struct {
	Verb     string `json:"verb"` // "write" is an update or a patch
	Resource string `json:"resource"`
	Count    int    `json:"count"`
	Why      string `json:"why"`
}

// The minimum of each change of one Deployment with r replicas. It follows from what the API promises of the
// result, with one write where one can say it all:
//   - a status is written once for each state that others must see: the end and, in a rollout, each step, for
//     the next step waits for it;
//   - Events are messages, and are counted apart.

func createNeeds(r int) []need {
	return append([]need{
		{"create", "deployments", 1, "the client's"},
		{"write", "deployments", 1, "the annotation with its revision"},
		{"create", "replicasets", 1, "one, of its final size"},
		{"write", "replicasets/status", 1, "all replicas are available"},
		{"write", "deployments/status", 1, "all replicas are available"},
	}, podsCome(r)...)
}

// rolloutNeeds are those of a rollout with a surge of one and none unavailable, so in r steps.
func rolloutNeeds(r int) []need {
	needs := []need{
		{"write", "deployments", 2, "the client's new template; the annotation with its revision"},
		{"create", "replicasets", 1, "the new one, with the first replica"},
		{"write", "replicasets", 2*r - 1, "each step takes one from the old and, after the first, adds one to the new"},
		{"write", "replicasets/status", 2 * r, "each step: one more is available in the new, one less is in the old"},
		{"write", "deployments/status", r, "each step: one more is updated and available"},
	}
	return append(append(needs, podsCome(r)...), podsGo(r)...)
}

func scaleNeeds(more int) []need {
	return append([]need{
		{"write", "deployments", 1, "the client's"},
		{"write", "replicasets", 1, "its size, and the annotations with that, at once"},
		{"write", "replicasets/status", 1, "all replicas are available"},
		{"write", "deployments/status", 1, "all replicas are available"},
	}, podsCome(more)...)
}

// deleteNeeds are those of a background deletion of a Deployment with an old and a new ReplicaSet.
func deleteNeeds(r int) []need {
	return append([]need{
		{"delete", "deployments", 1, "the client's"},
		{"delete", "replicasets", 2, "the old and the new one"},
	}, podsGo(r)...)
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
