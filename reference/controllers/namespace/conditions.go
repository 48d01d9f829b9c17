package namespace

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
)

// report is what one attempt to empty a namespace has come to.
type report struct {
	discovery  error // of resources
	versions   error // that could not be parsed
	deletion   []error
	remaining  map[schema.GroupVersionResource]int
	finalizers map[string]int // how many objects wait for each
}

func newReport() *report {
	return &report{remaining: map[schema.GroupVersionResource]int{}, finalizers: map[string]int{}}
}

// empty reports whether nothing is left and nothing may have been overlooked.
func (r *report) empty() bool {
	return r.discovery == nil && r.versions == nil && len(r.deletion) == 0 && len(r.remaining) == 0
}

// conditions turns the report into the namespace's conditions, keeping those of
// before whose status, reason and message are the same.
func conditions(before []corev1.NamespaceCondition, r *report, now time.Time) []corev1.NamespaceCondition {
	after := slices.Clone(before)
	set := func(kind corev1.NamespaceConditionType, bad bool, badReason, badMessage, goodReason, goodMessage string) {
		want := corev1.NamespaceCondition{Type: kind, Status: corev1.ConditionFalse, Reason: goodReason, Message: goodMessage}
		if bad {
			want.Status, want.Reason, want.Message = corev1.ConditionTrue, badReason, badMessage
		}
		after = setCondition(after, want, now)
	}
	set(corev1.NamespaceDeletionDiscoveryFailure, r.discovery != nil, "DiscoveryFailed", undiscovered(r.discovery),
		"ResourcesDiscovered", "All resources successfully discovered")
	set(corev1.NamespaceDeletionGVParsingFailure, r.versions != nil, "GroupVersionParsingFailed", message(r.versions),
		"ParsedGroupVersions", "All legacy kube types successfully parsed")
	set(corev1.NamespaceDeletionContentFailure, len(r.deletion) > 0, "ContentDeletionFailed", failures(r.deletion),
		"ContentDeleted", "All content successfully deleted, may be waiting on finalization")
	set(corev1.NamespaceContentRemaining, len(r.remaining) > 0, "SomeResourcesRemain", resources(r.remaining),
		"ContentRemoved", "All content successfully removed")
	set(corev1.NamespaceFinalizersRemaining, len(r.finalizers) > 0, "SomeFinalizersRemain", finalizers(r.finalizers),
		"ContentHasNoFinalizers", "All content-preserving finalizers finished")
	return after
}

func setCondition(conditions []corev1.NamespaceCondition, want corev1.NamespaceCondition, now time.Time) []corev1.NamespaceCondition {
	want.LastTransitionTime = metav1.NewTime(now)
	for i, have := range conditions {
		if have.Type != want.Type {
			continue
		}
		if have.Status == want.Status {
			want.LastTransitionTime = have.LastTransitionTime
		}
		conditions[i] = want
		return conditions
	}
	return append(conditions, want)
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// undiscovered counts the groups that did not answer, if others did.
func undiscovered(err error) string {
	if groups, partial := discovery.GroupDiscoveryFailedErrorGroups(err); partial {
		return fmt.Sprintf("Discovery failed for some groups, %d failing: %v", len(groups), err)
	}
	return message(err)
}

func failures(errs []error) string {
	var messages []string
	for _, err := range errs {
		messages = append(messages, err.Error())
	}
	slices.Sort(messages)
	return fmt.Sprintf("Failed to delete all resource types, %d remaining: %s", len(errs), strings.Join(messages, ", "))
}

func resources(remaining map[schema.GroupVersionResource]int) string {
	var parts []string
	for gvr, count := range remaining {
		parts = append(parts, fmt.Sprintf("%s.%s has %d resource instances", gvr.Resource, gvr.Group, count))
	}
	slices.Sort(parts)
	return "Some resources are remaining: " + strings.Join(parts, ", ")
}

func finalizers(remaining map[string]int) string {
	var parts []string
	for _, finalizer := range slices.Sorted(maps.Keys(remaining)) {
		parts = append(parts, fmt.Sprintf("%s in %d resource instances", finalizer, remaining[finalizer]))
	}
	return "Some content in the namespace has finalizers remaining: " + strings.Join(parts, ", ")
}
