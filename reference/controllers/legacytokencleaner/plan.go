// Package legacytokencleaner does away with tokens in Secrets that were made for a ServiceAccount
// unasked, as Kubernetes did before v1.24, and that nobody uses: it marks them invalid, and after as
// long again deletes them. Those that somebody asked for stay.
//
// https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#auto-generated-legacy-serviceaccount-token-clean-up
package legacytokencleaner

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/auth/serviceaccount"
)

// DefaultPeriod is how long a token must be unused (--legacy-service-account-token-clean-up-period).
const DefaultPeriod = 365 * 24 * time.Hour

type action int

const (
	keep action = iota
	invalidate
	remove
)

// plan decides what becomes of an auto-generated token that no pod mounts, at a time when its use has
// been noted for the whole period.
func plan(secret *corev1.Secret, now time.Time, period time.Duration) action {
	before := now.Add(-period)
	if secret.CreationTimestamp.After(before) || !longAgo(secret.Labels[serviceaccount.LastUsedLabel], before, true) {
		return keep
	}
	since, marked := secret.Labels[serviceaccount.InvalidSinceLabel]
	switch {
	case !marked:
		return invalidate
	case longAgo(since, before, false):
		return remove
	}
	return keep
}

// longAgo tells whether a date lies before the time; never stands in for no date. What is no date is
// not long ago: nothing must be deleted for a typing error.
func longAgo(date string, before time.Time, never bool) bool {
	if date == "" {
		return never
	}
	day, err := time.Parse(time.DateOnly, date)
	return err == nil && day.Before(before)
}
