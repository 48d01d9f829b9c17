// Package spec holds every documented behaviour of a Kubernetes cluster that we judge:
// one YAML file per area, and the types and look-ups to read them.
//
// A behaviour is one observable promise. The conformance suite names behaviours by their
// id and takes title, labels and needs from here, so nothing is said twice.
package spec

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Level says how binding a behaviour is.
type Level string

const (
	// Must is a promise every conformant cluster keeps; it belongs to the profile "core".
	Must Level = "must"
	// Should is a promise a cluster may have good reason not to keep; it belongs to "extended".
	Should Level = "should"
)

// Components are the parts of a cluster that a behaviour can judge.
var Components = []string{
	"apiserver", "controllers", "scheduler", "kubelet", "proxy", "network", "runtime", "dns", "storage",
}

// Behaviour is one promise of a cluster, observable through its API, its network or its containers.
type Behaviour struct {
	// ID is "<area>/<name>", unique, lower case, words joined by hyphens.
	ID string `json:"id"`
	// Title is the promise in one sentence, present tense.
	Title string `json:"title"`
	// Level is must or should.
	Level Level `json:"level"`
	// Since is the Kubernetes minor version the promise holds from ("1.9"); empty: from before 1.0.
	Since string `json:"since,omitempty"`
	// Sources say where the promise is written: "docs: PAGE#SECTION", "api: KIND.FIELD", "KEP-N", "notes-N: SECTION".
	Sources []string `json:"sources"`
	// Needs are what a cluster must offer for the behaviour to be judged ("nodes:2"); see KnownNeed.
	Needs []string `json:"needs,omitempty"`
	// Component is the part of the cluster that the behaviour judges.
	Component string `json:"component"`
	// Notes tell where the study notes differ from today, or what a reader should know.
	Notes string `json:"notes,omitempty"`
}

// Area is the first part of the id.
func (b Behaviour) Area() string {
	area, _, _ := strings.Cut(b.ID, "/")
	return area
}

// Profile is the report profile that the behaviour counts in: core for must, extended for should.
func (b Behaviour) Profile() string {
	if b.Level == Must {
		return "core"
	}
	return "extended"
}

var (
	idForm     = regexp.MustCompile(`^[a-z]+/[a-z0-9]+(-[a-z0-9]+)*$`)
	sourceForm = regexp.MustCompile(`^(docs: [a-z0-9./_-]+(#[A-Za-z0-9_.-]+)?|api: [A-Za-z.\[\]]+|KEP-[0-9]+|notes-[0-4](: .+)?)$`)
	sinceForm  = regexp.MustCompile(`^1\.[0-9]+$`)
)

// StandInNodes is the need of a cluster in which a Node object without a machine is left alone.
const StandInNodes = "stand-in-nodes"

// PodMetrics is the need that somebody answers for the API of resource metrics.
const PodMetrics = "pod-metrics"

// StaticPods is the need that kubelets take static pods from a directory, which a pod can write to.
const StaticPods = "static-pods"

// PodPidsLimit is the need that kubelets bound the processes of a pod, to a number that a test may try to exceed.
const PodPidsLimit = "pod-pids-limit"

// HugePages is the need of a node that has huge pages of 2 MiB, RuntimeHandlers that of one that names a handler of its runtime.
const (
	HugePages       = "huge-pages"
	RuntimeHandlers = "runtime-handlers"
)

// DefaultStorageClass is the need of a default StorageClass whose provisioner makes volumes on demand.
const DefaultStorageClass = "default-storage-class"

// UserNamespaces is the need of a node whose default runtime handler has user namespaces, and SupplementalGroupsPolicy
// that of one whose runtime heeds the field of that name. Nodes say so in their status.
const (
	UserNamespaces           = "user-namespaces"
	SupplementalGroupsPolicy = "supplemental-groups-policy"
)

// KubeletDirectory is the need of nodes whose kubelets have their directory at /var/lib/kubelet, where CSI drivers look for it.
const KubeletDirectory = "kubelet-directory"

// LocalRegistry is the need that nodes pull images without TLS from a registry on 127.0.0.1, as containerd does.
const LocalRegistry = "local-registry"

// FreeGroup starts the need that the cluster does not serve an API group itself, so that a spec may.
const FreeGroup = "free-group:"

// KnownNeed says whether need is one that a run can detect: "nodes:N" with N ≥ 1, StandInNodes, PodMetrics, StaticPods, PodPidsLimit,
// HugePages, RuntimeHandlers, DefaultStorageClass, KubeletDirectory, UserNamespaces, SupplementalGroupsPolicy, LocalRegistry, or FreeGroup and a group.
func KnownNeed(need string) bool {
	if group, found := strings.CutPrefix(need, FreeGroup); found {
		return strings.Contains(group, ".")
	}
	switch need {
	case StandInNodes, PodMetrics, StaticPods, PodPidsLimit, HugePages, RuntimeHandlers, DefaultStorageClass, KubeletDirectory, UserNamespaces, SupplementalGroupsPolicy, LocalRegistry:
		return true
	}
	count, found := strings.CutPrefix(need, "nodes:")
	n, err := strconv.Atoi(count)
	return found && err == nil && n >= 1
}

// Problems lists what is wrong with the fields of b, each naming the field; none when b is well formed.
func (b Behaviour) Problems() []string {
	var problems []string
	bad := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if !idForm.MatchString(b.ID) {
		bad("id %q is not <area>/<name> in lower case with hyphens", b.ID)
	}
	if !strings.HasSuffix(b.Title, ".") || strings.Contains(strings.TrimSuffix(b.Title, "."), ". ") {
		bad("title %q is not one sentence that ends with a full stop", b.Title)
	}
	if b.Level != Must && b.Level != Should {
		bad("level %q is neither must nor should", b.Level)
	}
	if b.Since != "" && !sinceForm.MatchString(b.Since) {
		bad("since %q is not a version like 1.9", b.Since)
	}
	if len(b.Sources) == 0 {
		bad("sources is empty: say where the promise is written")
	}
	for _, source := range b.Sources {
		if !sourceForm.MatchString(source) {
			bad("source %q is none of docs: page#section, api: Kind.field, KEP-N, notes-N", source)
		}
	}
	for _, need := range b.Needs {
		if !KnownNeed(need) {
			bad("need %q is not known (nodes:N, stand-in-nodes)", need)
		}
	}
	if !slices.Contains(Components, b.Component) {
		bad("component %q is none of %s", b.Component, strings.Join(Components, ", "))
	}
	return problems
}
