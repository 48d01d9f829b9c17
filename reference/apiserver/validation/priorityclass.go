package validation

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const (
	systemPriorityPrefix    = "system-"
	highestUserPriority     = 1_000_000_000
	systemClusterCritical   = "system-cluster-critical"
	systemNodeCritical      = "system-node-critical"
	clusterCriticalPriority = 2 * highestUserPriority
	nodeCriticalPriority    = clusterCriticalPriority + 1000
)

// PriorityClass checks a new PriorityClass. Those of the system are exactly the two that it creates.
func PriorityClass(c *schedulingv1.PriorityClass) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	name := metadataPath.Child("name")
	if strings.HasPrefix(c.Name, systemPriorityPrefix) {
		if fault := systemClassFault(c); fault != "" {
			errs = append(errs, field.Forbidden(name, fmt.Sprintf("priority class names with '%s' prefix are reserved for system use only. error: %s",
				systemPriorityPrefix, fault)))
		}
	} else if c.Value > highestUserPriority {
		errs = append(errs, field.Forbidden(field.NewPath("value"), fmt.Sprintf("maximum allowed value of a user defined priority is %v", highestUserPriority)))
	}
	if c.PreemptionPolicy == nil {
		return errs
	}
	return append(errs, supportedValue(field.NewPath("preemptionPolicy"), *c.PreemptionPolicy, corev1.PreemptLowerPriority, corev1.PreemptNever)...)
}

// systemClassFault says how a class differs from the system's own of that name.
func systemClassFault(c *schedulingv1.PriorityClass) string {
	value, known := map[string]int32{systemClusterCritical: clusterCriticalPriority, systemNodeCritical: nodeCriticalPriority}[c.Name]
	switch {
	case !known:
		return c.Name + " is not a known system priority class"
	case c.Value != value:
		return fmt.Sprintf("value of %s PriorityClass must be %d", c.Name, value)
	case c.GlobalDefault:
		return fmt.Sprintf("globalDefault of %s PriorityClass must be false", c.Name)
	}
	return ""
}

// PriorityClassUpdate checks a replacement: pods have taken the value over, so it stays.
func PriorityClassUpdate(c, old *schedulingv1.PriorityClass) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	if c.Value != old.Value {
		errs = append(errs, field.Forbidden(field.NewPath("value"), "may not be changed in an update."))
	}
	return append(errs, unchanged(field.NewPath("preemptionPolicy"), c.PreemptionPolicy, old.PreemptionPolicy)...)
}

// RuntimeClass checks a new RuntimeClass.
func RuntimeClass(c *nodev1.RuntimeClass) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, dnsLabel(field.NewPath("handler"), c.Handler)...)
	if c.Overhead != nil {
		errs = append(errs, overhead(field.NewPath("overhead"), c.Overhead.PodFixed)...)
	}
	if s := c.Scheduling; s != nil {
		errs = append(errs, labels(field.NewPath("scheduling", "nodeSelector"), s.NodeSelector)...)
		at := field.NewPath("scheduling", "tolerations")
		errs = append(errs, tolerations(at, s.Tolerations)...)
		for i, t := range s.Tolerations {
			if slices.ContainsFunc(s.Tolerations[:i], func(o corev1.Toleration) bool { return equal(t, o) }) {
				errs = append(errs, field.Duplicate(at.Index(i), t))
			}
		}
	}
	return errs
}

// RuntimeClassUpdate checks a replacement of a RuntimeClass, whose handler cannot change.
func RuntimeClassUpdate(c, old *nodev1.RuntimeClass) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), RuntimeClass(c)...)
	return append(errs, unchanged(field.NewPath("handler"), c.Handler, old.Handler)...)
}
