package defaults

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// roundUp raises every quantity to a whole number of thousandths, the finest unit that is kept.
func roundUp(lists ...corev1.ResourceList) {
	for _, list := range lists {
		for name, quantity := range list {
			quantity.RoundUp(resource.Milli)
			list[name] = quantity
		}
	}
}

// fillMissing copies into *to every resource of from that *to does not name.
func fillMissing(to *corev1.ResourceList, from corev1.ResourceList) {
	for name, quantity := range from {
		if _, ok := (*to)[name]; ok {
			continue
		}
		if *to == nil {
			*to = corev1.ResourceList{}
		}
		(*to)[name] = quantity.DeepCopy()
	}
}

// setLimitRange derives a container's default limits from max, and its default requests from the
// default limits or, failing that, from min.
func setLimitRange(l *corev1.LimitRange) {
	each(l.Spec.Limits, func(i *corev1.LimitRangeItem) {
		roundUp(i.Max, i.Min, i.Default, i.DefaultRequest, i.MaxLimitRequestRatio)
		if i.Type != corev1.LimitTypeContainer {
			return
		}
		fillMissing(&i.Default, i.Max)
		fillMissing(&i.DefaultRequest, i.Default)
		fillMissing(&i.DefaultRequest, i.Min)
	})
}
