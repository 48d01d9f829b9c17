// Package framework gives each spec of the suite what it needs and nothing else: a namespace
// of its own, clients, objects to create, ways to watch and to wait, and failures that explain.
//
// It knows the public API, the network and containers; it knows nothing about how a cluster
// is built, so that the suite can judge any of them.
package framework

import (
	"strings"
	"time"
)

// Settings is what a run tells every spec. The zero value is unusable; see Use.
type Settings struct {
	// Kubeconfig is the file that names the cluster under test.
	Kubeconfig string `json:"kubeconfig"`
	// Images is the registry (with an optional path) that holds the fixtures' images; empty: their own names.
	Images string `json:"images,omitempty"`
	// TimeoutScale multiplies every timeout; 0 counts as 1.
	TimeoutScale float64 `json:"timeoutScale,omitempty"`
	// Run identifies the run; every namespace it makes carries it in the label RunLabel.
	Run string `json:"run"`
}

// RunLabel marks the namespaces of a run, so that an interrupted one can be cleaned up.
const RunLabel = "conformance.etalon.dev/run"

// BehaviourAnnotation names, on a spec's namespace, the behaviour that is being judged there.
const BehaviourAnnotation = "conformance.etalon.dev/behaviour"

var settings Settings

// Use sets the run's settings. It must be called before specs run.
func Use(s Settings) { settings = s }

// Image returns the full name of one of the fixtures' images, such as "tool".
func Image(name string) string {
	if settings.Images == "" {
		return "etalon.dev/" + name + ":v1"
	}
	return strings.TrimSuffix(settings.Images, "/") + "/" + name + ":v1"
}

// scaled applies --timeout-scale.
func scaled(d time.Duration) time.Duration {
	if settings.TimeoutScale == 0 {
		return d
	}
	return time.Duration(float64(d) * settings.TimeoutScale)
}
