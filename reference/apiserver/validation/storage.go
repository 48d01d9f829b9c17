package validation

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Limits of what a driver is told about a volume, see the API reference of StorageClass.
const (
	maxParameters      = 512
	maxParametersBytes = 256 * 1024
)

// maxNodeID is the longest name that a CSI driver may have for a node.
const maxNodeID = 256

// StorageClass checks a new StorageClass.
func StorageClass(c *storagev1.StorageClass) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	if c.Provisioner == "" {
		errs = append(errs, field.Required(field.NewPath("provisioner"), c.Provisioner))
	} else {
		errs = append(errs, lowerQualified(field.NewPath("provisioner"), c.Provisioner)...)
	}
	errs = append(errs, parameters(field.NewPath("parameters"), c.Parameters, true)...)
	if c.ReclaimPolicy != nil {
		errs = append(errs, supportedValue(field.NewPath("reclaimPolicy"), *c.ReclaimPolicy,
			corev1.PersistentVolumeReclaimDelete, corev1.PersistentVolumeReclaimRetain)...)
	}
	mode := field.NewPath("volumeBindingMode")
	if c.VolumeBindingMode == nil {
		errs = append(errs, field.Required(mode, ""))
	}
	errs = append(errs, oneOfPtr(mode, c.VolumeBindingMode, storagev1.VolumeBindingImmediate, storagev1.VolumeBindingWaitForFirstConsumer)...)
	return append(errs, allowedTopologies(field.NewPath("allowedTopologies"), c.AllowedTopologies)...)
}

// lowerQualified is a qualified name in which case does not matter.
func lowerQualified(p *field.Path, s string) field.ErrorList {
	return qualifiedName(p, strings.ToLower(s))
}

// allowedTopologies wants terms that differ, of different keys with different values.
func allowedTopologies(p *field.Path, terms []corev1.TopologySelectorTerm) (errs field.ErrorList) {
	var before []map[string]sets.Set[string]
	for i, t := range terms {
		at, term := p.Index(i).Child("matchLabelExpressions"), map[string]sets.Set[string]{}
		for j, e := range t.MatchLabelExpressions {
			values := sets.New[string]()
			if len(e.Values) == 0 {
				errs = append(errs, field.Required(at.Index(j).Child("values"), ""))
			}
			for k, v := range e.Values {
				if values.Has(v) {
					errs = append(errs, field.Duplicate(at.Index(j).Child("values").Index(k), v))
				}
				values.Insert(v)
			}
			errs = append(errs, metav1validation.ValidateLabelName(e.Key, at.Index(j).Child("key"))...)
			if _, twice := term[e.Key]; twice {
				errs = append(errs, field.Duplicate(at.Index(j).Child("key"), e.Key))
			}
			term[e.Key] = values
		}
		for _, other := range before {
			if equal(term, other) {
				errs = append(errs, field.Duplicate(at, ""))
			}
		}
		before = append(before, term)
	}
	return errs
}

func parameters(p *field.Path, m map[string]string, mayBeEmpty bool) (errs field.ErrorList) {
	if len(m) == 0 && !mayBeEmpty {
		return field.ErrorList{field.Required(p, "must contain at least one key/value pair")}
	}
	if len(m) > maxParameters {
		errs = append(errs, field.TooLong(p, "Provisioner Parameters exceeded max allowed", maxParameters))
		return errs
	}
	size := 0
	for _, k := range sortedKeys(m) {
		if k == "" {
			errs = append(errs, field.Invalid(p, k, "field can not be empty."))
		}
		size += len(k) + len(m[k])
	}
	if size > maxParametersBytes {
		errs = append(errs, field.TooLong(p, "", maxParametersBytes))
	}
	return errs
}

// StorageClassUpdate checks a replacement: how volumes were made cannot change.
func StorageClassUpdate(c, old *storagev1.StorageClass) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), StorageClass(c)...)
	forbid := func(name string, value, was any) {
		if !equal(value, was) {
			errs = append(errs, field.Forbidden(field.NewPath(name), "updates to "+name+" are forbidden."))
		}
	}
	forbid("parameters", c.Parameters, old.Parameters)
	forbid("provisioner", c.Provisioner, old.Provisioner)
	forbid("reclaimPolicy", c.ReclaimPolicy, old.ReclaimPolicy)
	return append(errs, unchanged(field.NewPath("volumeBindingMode"), c.VolumeBindingMode, old.VolumeBindingMode)...)
}

// VolumeAttributesClass checks a new VolumeAttributesClass.
func VolumeAttributesClass(c *storagev1.VolumeAttributesClass) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	errs = append(errs, csiDriverName(field.NewPath("driverName"), c.DriverName)...)
	return append(errs, parameters(field.NewPath("parameters"), c.Parameters, false)...)
}

// VolumeAttributesClassUpdate checks a replacement of a VolumeAttributesClass, which is immutable.
func VolumeAttributesClassUpdate(c, old *storagev1.VolumeAttributesClass) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), VolumeAttributesClass(c)...)
	if c.DriverName != old.DriverName {
		errs = append(errs, field.Forbidden(field.NewPath("driverName"), "updates to driverName are forbidden."))
	}
	if !equal(c.Parameters, old.Parameters) {
		errs = append(errs, field.Forbidden(field.NewPath("parameters"), "updates to parameters are forbidden."))
	}
	return errs
}

// CSIStorageCapacity checks a new CSIStorageCapacity.
func CSIStorageCapacity(c *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, namespaced, subdomainName)
	errs = append(errs, labelSelector(field.NewPath("nodeTopology"), c.NodeTopology)...)
	errs = append(errs, dnsSubdomain(field.NewPath("storageClassName"), c.StorageClassName)...)
	if c.Capacity != nil && c.Capacity.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("capacity"), c.Capacity.String(), negative))
	}
	if c.MaximumVolumeSize != nil && c.MaximumVolumeSize.Sign() < 0 {
		errs = append(errs, field.Invalid(field.NewPath("maximumVolumeSize"), c.MaximumVolumeSize.String(), negative))
	}
	return errs
}

// CSIStorageCapacityUpdate checks a replacement: what the capacity is of cannot change.
func CSIStorageCapacityUpdate(c, old *storagev1.CSIStorageCapacity) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), CSIStorageCapacity(c)...)
	errs = append(errs, unchanged(field.NewPath("nodeTopology"), c.NodeTopology, old.NodeTopology)...)
	return append(errs, unchanged(field.NewPath("storageClassName"), c.StorageClassName, old.StorageClassName)...)
}

// CSINode checks a new CSINode.
func CSINode(n *storagev1.CSINode) field.ErrorList {
	errs := newMeta(&n.ObjectMeta, clusterScoped, subdomainName)
	names := sets.New[string]()
	for i, d := range n.Spec.Drivers {
		at := specPath.Child("drivers").Index(i)
		errs = append(errs, csiDriverName(at.Child("name"), d.Name)...)
		if names.Has(d.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), d.Name))
		}
		names.Insert(d.Name)
		errs = append(errs, required(at.Child("nodeID"), d.NodeID)...)
		if len(d.NodeID) > maxNodeID {
			errs = append(errs, field.Invalid(at.Child("nodeID"), d.NodeID, fmt.Sprintf("must be %d characters or less", maxNodeID)))
		}
		if d.Allocatable != nil {
			errs = append(errs, nonNegativePtr(at.Child("allocatable", "count"), d.Allocatable.Count)...)
		}
		keys := sets.New[string]()
		for _, key := range d.TopologyKeys {
			errs = append(errs, required(at.Child("topologyKeys"), key)...)
			if keys.Has(key) {
				errs = append(errs, field.Duplicate(at.Child("topologyKeys"), key))
			}
			keys.Insert(key)
			errs = append(errs, invalids(at.Child("topologyKeys"), d.TopologyKeys, validation.IsQualifiedName(key))...)
		}
	}
	return errs
}

// CSINodeUpdate checks a replacement of a CSINode: of a driver only how many volumes fit may change.
func CSINodeUpdate(n, old *storagev1.CSINode) field.ErrorList {
	errs := append(updatedMeta(&n.ObjectMeta, &old.ObjectMeta), CSINode(n)...)
	for i, d := range n.Spec.Drivers {
		for _, was := range old.Spec.Drivers {
			d.Allocatable, was.Allocatable = nil, nil
			if d.Name == was.Name && !equal(d, was) {
				errs = append(errs, field.Invalid(specPath.Child("drivers").Index(i), d, immutable))
			}
		}
	}
	return errs
}
