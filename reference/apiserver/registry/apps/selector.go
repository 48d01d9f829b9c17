package apps

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// selectorString writes a selector as clients can use it; "" if it is not valid.
func selectorString(s *metav1.LabelSelector) string {
	selector, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return ""
	}
	return selector.String()
}
