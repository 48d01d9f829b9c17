package validation

import (
	resourcev1 "k8s.io/api/resource/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	corev1 "k8s.io/api/core/v1"
)

// DeviceClass checks a new DeviceClass.
func DeviceClass(c *resourcev1.DeviceClass) field.ErrorList {
	return append(newMeta(&c.ObjectMeta, clusterScoped, subdomainName), deviceClassSpec(&c.Spec)...)
}

// DeviceClassUpdate checks a replacement.
func DeviceClassUpdate(c, old *resourcev1.DeviceClass) field.ErrorList {
	return append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), deviceClassSpec(&c.Spec)...)
}

func deviceClassSpec(s *resourcev1.DeviceClassSpec) field.ErrorList {
	errs := deviceSelectors(specPath.Child("selectors"), s.Selectors)
	configs := specPath.Child("config")
	errs = append(errs, atMost(configs, len(s.Config), resourcev1.DeviceConfigMaxSize)...)
	for i, c := range s.Config {
		errs = append(errs, deviceConfiguration(configs.Index(i), c.DeviceConfiguration)...)
	}
	if name := s.ExtendedResourceName; name != nil && !isExtended(corev1.ResourceName(*name)) {
		errs = append(errs, field.Invalid(specPath.Child("extendedResourceName"), *name, "must be a valid extended resource name"))
	}
	return errs
}

// DeviceTaintRule checks a new DeviceTaintRule.
func DeviceTaintRule(r *resourcev1.DeviceTaintRule) field.ErrorList {
	return append(newMeta(&r.ObjectMeta, clusterScoped, subdomainName), deviceTaintRuleSpec(&r.Spec)...)
}

// DeviceTaintRuleUpdate checks a replacement: which devices it is for never changes.
func DeviceTaintRuleUpdate(r, old *resourcev1.DeviceTaintRule) field.ErrorList {
	errs := updatedMeta(&r.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, deviceTaintRuleSpec(&r.Spec)...)
	return append(errs, unchanged(specPath.Child("deviceSelector"), r.Spec.DeviceSelector, old.Spec.DeviceSelector)...)
}

// DeviceTaintRuleStatusUpdate checks the conditions that the eviction controller writes.
func DeviceTaintRuleStatusUpdate(r, old *resourcev1.DeviceTaintRule) field.ErrorList {
	conditions := statusPath.Child("conditions")
	errs := updatedMeta(&r.ObjectMeta, &old.ObjectMeta)
	errs = append(errs, atMost(conditions, len(r.Status.Conditions), resourcev1.DeviceTaintRuleStatusMaxConditions)...)
	return append(errs, metav1validation.ValidateConditions(r.Status.Conditions, conditions)...)
}

func deviceTaintRuleSpec(s *resourcev1.DeviceTaintRuleSpec) (errs field.ErrorList) {
	if selector := s.DeviceSelector; selector != nil {
		p := specPath.Child("deviceSelector")
		if selector.Driver != nil {
			errs = append(errs, driverName(p.Child("driver"), *selector.Driver)...)
		}
		if selector.Pool != nil {
			errs = append(errs, poolName(p.Child("pool"), *selector.Pool)...)
		}
		if selector.Device != nil {
			errs = append(errs, deviceLabel(p.Child("device"), *selector.Device)...)
		}
	}
	return append(errs, deviceTaint(specPath.Child("taint"), s.Taint)...)
}
