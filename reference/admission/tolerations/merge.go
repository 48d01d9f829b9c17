// Package tolerations joins the tolerations that a pod has with those that a policy adds.
package tolerations

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
)

// Merge returns first and then second without those that another one covers.
func Merge(first, second []corev1.Toleration) []corev1.Toleration {
	all := slices.Concat(first, second)
	var merged []corev1.Toleration
	for i, t := range all {
		covered := slices.ContainsFunc(merged, func(other corev1.Toleration) bool { return Covers(other, t) }) ||
			slices.ContainsFunc(all[i+1:], func(other corev1.Toleration) bool { return Covers(other, t) && !equality.Semantic.DeepEqual(other, t) })
		if !covered {
			merged = append(merged, t)
		}
	}
	return merged
}

// Covers tells whether every taint that narrow tolerates, wide tolerates at least as long.
func Covers(wide, narrow corev1.Toleration) bool {
	if equality.Semantic.DeepEqual(wide, narrow) {
		return true
	}
	everyKey := wide.Key == "" && wide.Operator == corev1.TolerationOpExists
	if wide.Key != narrow.Key && !everyKey {
		return false
	}
	if wide.Effect != "" && wide.Effect != narrow.Effect {
		return false
	}
	if wide.Effect == corev1.TaintEffectNoExecute && wide.TolerationSeconds != nil &&
		(narrow.TolerationSeconds == nil || *narrow.TolerationSeconds > *wide.TolerationSeconds) {
		return false
	}
	switch wide.Operator {
	case corev1.TolerationOpExists:
		return true
	case corev1.TolerationOpEqual, "":
		return (narrow.Operator == corev1.TolerationOpEqual || narrow.Operator == "") && narrow.Value == wide.Value
	default:
		return false
	}
}
