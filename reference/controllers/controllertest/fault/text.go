package fault

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// varying are the fields that differ from round to round.
var varying = []string{
	"uid", "resourceVersion", "creationTimestamp", "deletionTimestamp", "managedFields", "generation", "observedGeneration",
	"lastTransitionTime", "lastUpdateTime", "lastProbeTime", "startTime", "completionTime", "lastHeartbeatTime",
	"lastPhaseTransitionTime",
}

// Text is an object, or a part of one, in JSON without the fields that differ from
// round to round, and without those named besides. Conditions are sorted.
func Text(v any, besides ...string) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err.Error()
	}
	prune(tree, append(slices.Clone(varying), besides...))
	raw, err = json.Marshal(tree)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func prune(tree any, names []string) {
	switch tree := tree.(type) {
	case map[string]any:
		maps.DeleteFunc(tree, func(name string, value any) bool { return slices.Contains(names, name) || value == nil })
		for _, value := range tree {
			prune(value, names)
		}
	case []any:
		for _, value := range tree {
			prune(value, names)
		}
		slices.SortStableFunc(tree, func(a, b any) int { return strings.Compare(kind(a), kind(b)) })
	}
}

// kind is the type of a condition.
func kind(v any) string {
	fields, _ := v.(map[string]any)
	kind, _ := fields["type"].(string)
	return kind
}

// Lines joins what tells of the single objects, sorted, so that the order in which
// they were made does not matter.
func Lines(lines []string) string {
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
