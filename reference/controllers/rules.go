package controllers

import (
	"slices"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Rules are the permissions that the controllers need, all together: they run as
// one user, system:kube-controller-manager. The bootstrap role of that user must
// cover them.
//
// The garbage collector and the namespace controller deal with every kind. What
// the others do is listed all the same, in so far as it goes beyond reading: it
// is what those two would have to be replaced by if they ran as a user of their own.
var Rules = slices.Concat(machineryRules, securityRules, workloadsRules, networkRules, nodesRules, storageRules)

func allow(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{Verbs: verbs, APIGroups: []string{group}, Resources: []string{resource}}
}

func allowNamed(group, resource string, names []string, verbs ...string) rbacv1.PolicyRule {
	rule := allow(group, resource, verbs...)
	rule.ResourceNames = names
	return rule
}
