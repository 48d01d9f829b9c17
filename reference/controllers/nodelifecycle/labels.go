package nodelifecycle

import (
	corev1 "k8s.io/api/core/v1"
)

// aliases are labels that have had another name while they were beta, which is
// kept for those who still select by it.
var aliases = map[string]string{
	corev1.LabelOSStable:   "beta.kubernetes.io/os",
	corev1.LabelArchStable: "beta.kubernetes.io/arch",
}

// missingAliases returns the labels that the node should have besides.
func missingAliases(node *corev1.Node) map[string]string {
	missing := map[string]string{}
	for name, alias := range aliases {
		value, there := node.Labels[name]
		if have, too := node.Labels[alias]; there && (!too || have != value) {
			missing[alias] = value
		}
	}
	return missing
}
