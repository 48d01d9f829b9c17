package fault

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// Scenario is what is played in every round, from an empty namespace.
type Scenario struct {
	Name string
	// Start runs the controllers under test until ctx ends.
	Start func(ctx context.Context, config *rest.Config) error
	// Cluster are resources without namespaces that belong to a round, too: its
	// controllers see only those objects that have the round's Label. Those that they
	// create, and the round's namespace, have it.
	Cluster []string
	// Steps are done one after the other.
	Steps []Step
	// Status sets the status that a pod should have by now; running and ready if nil.
	Status func(*corev1.Pod)
	// Outcome tells how things stand in the end, in a text without names, uids and
	// times that differ from round to round; see [Text].
	Outcome func(ctx context.Context, r *Round) (string, error)
	// Throughout is told the pods of the namespace at every change of one, in the
	// order of the changes, and says what is wrong with them. It is made anew for
	// each round; nil if there is nothing to check.
	Throughout func() func(pods []*corev1.Pod) error
}

// Label is that of the objects without namespace that a round has; its value is
// the round's namespace.
const Label = "faults.etalon.dev/round"

// Step is something that a user does, and what it must lead to.
type Step struct {
	Name string
	Do   func(ctx context.Context, r *Round) error
	// Until returns an error, which says why, as long as the next step has to wait.
	Until func(ctx context.Context, r *Round) error
}

// Round is one run of a scenario, in a namespace of its own.
type Round struct {
	// Client and Config are those of the user who takes the steps.
	Client    kubernetes.Interface
	Config    *rest.Config
	Namespace string

	scenario Scenario
	place    *place
	kill     kill
}

// kill says when the controllers are to be killed: at the n-th write, which is
// sent (and its answer lost) or not. None if n is 0.
type kill struct {
	n    int
	sent bool
}
