package deployment

import (
	"strconv"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
)

// Annotations with which the controller keeps its books on ReplicaSets. The
// revision is also on the Deployment; kubectl rollout reads it.
const (
	revisionAnnotation        = "deployment.kubernetes.io/revision"
	revisionHistoryAnnotation = "deployment.kubernetes.io/revision-history"
	desiredReplicasAnnotation = "deployment.kubernetes.io/desired-replicas"
	maxReplicasAnnotation     = "deployment.kubernetes.io/max-replicas"
	rollbackToAnnotation      = "deprecated.deployment.rollback.to"
)

// longestHistory is the number of characters a revision history may have.
const longestHistory = 2000

// notInherited are the annotations of a Deployment that are not those of its
// ReplicaSets as well.
var notInherited = map[string]bool{
	corev1.LastAppliedConfigAnnotation: true,
	revisionAnnotation:                 true,
	revisionHistoryAnnotation:          true,
	desiredReplicasAnnotation:          true,
	maxReplicasAnnotation:              true,
	rollbackToAnnotation:               true,
}

// revision is the set's place in the Deployment's history; 0 if it has none.
func revision(rs *appsv1.ReplicaSet) int64 {
	n, err := strconv.ParseInt(rs.Annotations[revisionAnnotation], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// nextRevision is the one after those of the old sets.
func nextRevision(old []*appsv1.ReplicaSet) int64 {
	var last int64
	for _, rs := range old {
		last = max(last, revision(rs))
	}
	return last + 1
}

// intAnnotation returns the number in the annotation, if there is one.
func intAnnotation(rs *appsv1.ReplicaSet, key string) (int32, bool) {
	n, err := strconv.ParseInt(rs.Annotations[key], 10, 32)
	return int32(n), err == nil
}

// noteSize records for which size of the Deployment the set was last resized,
// and reports whether that is news. Scaling in proportion needs it.
func noteSize(d *appsv1.Deployment, rs *appsv1.ReplicaSet) bool {
	most := wanted(d)
	if isRolling(d) {
		surge, _ := bounds(d)
		most += surge
	}
	changed := annotate(rs, desiredReplicasAnnotation, strconv.Itoa(int(wanted(d))))
	return annotate(rs, maxReplicasAnnotation, strconv.Itoa(int(most))) || changed
}

// noteRevision makes the set carry the Deployment's annotations and at least
// the given revision, and reports whether that is news.
func noteRevision(d *appsv1.Deployment, rs *appsv1.ReplicaSet, next int64) bool {
	changed := false
	for key, value := range d.Annotations {
		if !notInherited[key] {
			changed = annotate(rs, key, value) || changed
		}
	}
	before := rs.Annotations[revisionAnnotation]
	if revision(rs) >= next {
		return changed
	}
	annotate(rs, revisionAnnotation, strconv.FormatInt(next, 10))
	if before != "" {
		annotate(rs, revisionHistoryAnnotation, appendHistory(rs.Annotations[revisionHistoryAnnotation], before))
	}
	return true
}

// appendHistory adds a revision to the list, dropping the oldest ones that no
// longer fit.
func appendHistory(history, revision string) string {
	if history == "" {
		return revision
	}
	entries := append(strings.Split(history, ","), revision)
	for len(entries) > 1 && len(strings.Join(entries, ",")) > longestHistory {
		entries = entries[1:]
	}
	return strings.Join(entries, ",")
}

func annotate(rs *appsv1.ReplicaSet, key, value string) bool {
	if have, ok := rs.Annotations[key]; ok && have == value {
		return false
	}
	if rs.Annotations == nil {
		rs.Annotations = map[string]string{}
	}
	rs.Annotations[key] = value
	return true
}
