package validation

import (
	"fmt"

	resourcev1 "k8s.io/api/resource/v1"
	metav1validation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// ResourceClaimStatusUpdate checks what the scheduler, drivers and the claim controller write.
func ResourceClaimStatusUpdate(c, old *resourcev1.ResourceClaim) field.ErrorList {
	errs := updatedMeta(&c.ObjectMeta, &old.ObjectMeta)
	status, before := &c.Status, &old.Status
	reserved := statusPath.Child("reservedFor")
	errs = append(errs, reservations(reserved, status.ReservedFor)...)
	errs = append(errs, deviceStatuses(statusPath.Child("devices"), status)...)
	if len(status.ReservedFor) > 0 && status.Allocation == nil {
		errs = append(errs, field.Forbidden(reserved, "may not be specified when `allocated` is not set"))
	}
	if c.DeletionTimestamp != nil {
		known := sets.New[types.UID]()
		for _, r := range before.ReservedFor {
			known.Insert(r.UID)
		}
		for i, r := range status.ReservedFor {
			if !known.Has(r.UID) {
				errs = append(errs, field.Forbidden(reserved.Index(i), "new entries may not be added while `deletionTimestamp` is set"))
			}
		}
	}
	allocation := statusPath.Child("allocation")
	switch {
	case status.Allocation == nil:
		return errs
	case before.Allocation != nil:
		return append(errs, unchanged(allocation, status.Allocation, before.Allocation)...)
	case c.DeletionTimestamp != nil:
		return append(errs, field.Forbidden(allocation, "allocations may not be added while `deletionTimestamp` is set"))
	}
	return append(errs, deviceAllocation(allocation, status.Allocation, requestNames(&c.Spec.Devices))...)
}

func reservations(p *field.Path, list []resourcev1.ResourceClaimConsumerReference) field.ErrorList {
	errs := atMost(p, len(list), resourcev1.ResourceClaimReservedForMaxSize)
	errs = append(errs, distinct(p, list, func(r resourcev1.ResourceClaimConsumerReference) types.UID { return r.UID },
		func(p *field.Path) *field.Path { return p.Child("uid") })...)
	for i, r := range list {
		errs = append(errs, required(p.Index(i).Child("resource"), r.Resource)...)
		errs = append(errs, required(p.Index(i).Child("name"), r.Name)...)
		errs = append(errs, required(p.Index(i).Child("uid"), string(r.UID))...)
	}
	return errs
}

func deviceAllocation(p *field.Path, a *resourcev1.AllocationResult, names sets.Set[string]) field.ErrorList {
	results := p.Child("devices", "results")
	errs := atMost(results, len(a.Devices.Results), resourcev1.AllocationResultsMaxSize)
	for i := range a.Devices.Results {
		r, at := &a.Devices.Results[i], results.Index(i)
		if !names.Has(r.Request) {
			errs = append(errs, field.Invalid(at.Child("request"), r.Request, "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"))
		}
		errs = append(errs, driverName(at.Child("driver"), r.Driver)...)
		errs = append(errs, poolName(at.Child("pool"), r.Pool)...)
		errs = append(errs, deviceLabel(at.Child("device"), r.Device)...)
		errs = append(errs, deviceTolerations(at.Child("tolerations"), r.Tolerations)...)
		errs = append(errs, bindingConditions(at, r.BindingConditions, r.BindingFailureConditions)...)
	}
	configs := p.Child("devices", "config")
	errs = append(errs, atMost(configs, len(a.Devices.Config), 2*resourcev1.DeviceConfigMaxSize)...)
	for i, c := range a.Devices.Config {
		at := configs.Index(i)
		errs = append(errs, oneOf(at.Child("source"), c.Source, resourcev1.AllocationConfigSourceClaim, resourcev1.AllocationConfigSourceClass)...)
		errs = append(errs, requestReferences(at.Child("requests"), c.Requests, names)...)
		errs = append(errs, deviceConfiguration(at, c.DeviceConfiguration)...)
	}
	if a.NodeSelector != nil {
		errs = append(errs, oneTerm(p.Child("nodeSelector"), a.NodeSelector)...)
	}
	return errs
}

// deviceKey says which device of a claim a status is about.
type deviceKey struct{ driver, pool, device, share string }

func (k deviceKey) String() string {
	s := fmt.Sprintf("%s/%s/%s", k.driver, k.pool, k.device)
	if k.share != "" {
		s += "/" + k.share
	}
	return s
}

func deviceStatuses(p *field.Path, status *resourcev1.ResourceClaimStatus) (errs field.ErrorList) {
	allocated := sets.New[deviceKey]()
	if status.Allocation != nil {
		for _, r := range status.Allocation.Devices.Results {
			k := deviceKey{driver: r.Driver, pool: r.Pool, device: r.Device}
			if r.ShareID != nil {
				k.share = string(*r.ShareID)
			}
			allocated.Insert(k)
		}
	}
	seen := sets.New[deviceKey]()
	for i, d := range status.Devices {
		at := p.Index(i)
		k := deviceKey{driver: d.Driver, pool: d.Pool, device: d.Device}
		if d.ShareID != nil {
			k.share = *d.ShareID
		}
		if seen.Has(k) {
			errs = append(errs, field.Duplicate(at, k.String()))
		}
		seen.Insert(k)
		errs = append(errs, driverName(at.Child("driver"), d.Driver)...)
		errs = append(errs, poolName(at.Child("pool"), d.Pool)...)
		errs = append(errs, deviceLabel(at.Child("device"), d.Device)...)
		if !allocated.Has(k) {
			errs = append(errs, field.Invalid(at, k.String(), "must be an allocated device in the claim"))
		}
		errs = append(errs, atMost(at.Child("conditions"), len(d.Conditions), resourcev1.AllocatedDeviceStatusMaxConditions)...)
		errs = append(errs, metav1validation.ValidateConditions(d.Conditions, at.Child("conditions"))...)
		if d.Data != nil {
			errs = append(errs, jsonObject(at.Child("data"), *d.Data, resourcev1.AllocatedDeviceStatusDataMaxLength, false)...)
		}
		if d.NetworkData != nil {
			errs = append(errs, networkData(at.Child("networkData"), d.NetworkData)...)
		}
	}
	return errs
}

func networkData(p *field.Path, d *resourcev1.NetworkDeviceData) (errs field.ErrorList) {
	if len(d.InterfaceName) > resourcev1.NetworkDeviceDataInterfaceNameMaxLength {
		errs = append(errs, field.TooLong(p.Child("interfaceName"), "" /* unused */, resourcev1.NetworkDeviceDataInterfaceNameMaxLength))
	}
	if len(d.HardwareAddress) > resourcev1.NetworkDeviceDataHardwareAddressMaxLength {
		errs = append(errs, field.TooLong(p.Child("hardwareAddress"), "" /* unused */, resourcev1.NetworkDeviceDataHardwareAddressMaxLength))
	}
	ips := p.Child("ips")
	errs = append(errs, atMost(ips, len(d.IPs), resourcev1.NetworkDeviceDataMaxIPs)...)
	errs = append(errs, distinct(ips, d.IPs, func(s string) string { return s }, itself)...)
	for i, ip := range d.IPs {
		errs = append(errs, validation.IsValidInterfaceAddress(ips.Index(i), ip)...)
	}
	return errs
}
