package validation

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func claim(change func(*resourcev1.ResourceClaim)) *resourcev1.ResourceClaim {
	c := &resourcev1.ResourceClaim{
		ObjectMeta: metav1.ObjectMeta{Name: "c", Namespace: "default", ResourceVersion: "1"},
		Spec: resourcev1.ResourceClaimSpec{Devices: resourcev1.DeviceClaim{Requests: []resourcev1.DeviceRequest{{
			Name: "gpu", Exactly: &resourcev1.ExactDeviceRequest{
				DeviceClassName: "gpu.example.com", AllocationMode: resourcev1.DeviceAllocationModeExactCount, Count: 1,
				Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{
					Expression: `device.driver == "gpu.example.com" && device.attributes["gpu.example.com"].model == "a"`,
				}}},
			},
		}}}},
	}
	change(c)
	return c
}

func exactly(c *resourcev1.ResourceClaim) *resourcev1.ExactDeviceRequest {
	return c.Spec.Devices.Requests[0].Exactly
}

// wantError checks that errs is empty (want "") or has an error of which want is a part.
func wantError(t *testing.T, errs field.ErrorList, want string) {
	t.Helper()
	if want == "" {
		if len(errs) > 0 {
			t.Error(errs)
		}
		return
	}
	for _, e := range errs {
		if strings.Contains(e.Error(), want) {
			return
		}
	}
	t.Errorf("got %v, want %s", errs, want)
}

func TestResourceClaim(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*resourcev1.ResourceClaim)
		want   string
	}{
		"good":     {func(*resourcev1.ResourceClaim) {}, ""},
		"no class": {func(c *resourcev1.ResourceClaim) { exactly(c).DeviceClassName = "" }, "spec.devices.requests[0].exactly.deviceClassName: Required value"},
		"no count": {func(c *resourcev1.ResourceClaim) { exactly(c).Count = 0 }, "spec.devices.requests[0].exactly.count: Invalid value: 0: must be greater than zero"},
		"count of all": {func(c *resourcev1.ResourceClaim) { exactly(c).AllocationMode = resourcev1.DeviceAllocationModeAll },
			"must not be specified when allocationMode is 'All'"},
		"bad expression": {func(c *resourcev1.ResourceClaim) { exactly(c).Selectors[0].CEL.Expression = "device.nothing" },
			"exactly.selectors[0].cel.expression: Invalid value: \"device.nothing\": compilation failed"},
		"not true or false": {func(c *resourcev1.ResourceClaim) { exactly(c).Selectors[0].CEL.Expression = "device.driver" }, "must evaluate to bool"},
		"neither":           {func(c *resourcev1.ResourceClaim) { c.Spec.Devices.Requests[0].Exactly = nil }, "exactly one of `exactly` or `firstAvailable` is required"},
		"same name": {func(c *resourcev1.ResourceClaim) {
			c.Spec.Devices.Requests = append(c.Spec.Devices.Requests, c.Spec.Devices.Requests[0])
		}, "Duplicate value: \"gpu\""},
		"config of another request": {func(c *resourcev1.ResourceClaim) {
			c.Spec.Devices.Config = []resourcev1.DeviceClaimConfiguration{{Requests: []string{"x"}, DeviceConfiguration: resourcev1.DeviceConfiguration{
				Opaque: &resourcev1.OpaqueDeviceConfiguration{Driver: "d", Parameters: runtime.RawExtension{Raw: []byte(`{}`)}},
			}}}
		}, "spec.devices.config[0].requests[0]: Invalid value: \"x\": must be the name of a request"},
		"constraint without domain": {func(c *resourcev1.ResourceClaim) {
			name := resourcev1.FullyQualifiedName("numa")
			c.Spec.Devices.Constraints = []resourcev1.DeviceConstraint{{MatchAttribute: &name}}
		}, "spec.devices.constraints[0].matchAttribute: Invalid value: \"numa\": must include a domain"},
		"toleration": {func(c *resourcev1.ResourceClaim) {
			exactly(c).Tolerations = []resourcev1.DeviceToleration{{Operator: resourcev1.DeviceTolerationOpExists, Value: "x"}}
		}, "must be empty for operator `Exists`"},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, ResourceClaim(claim(c.change)), c.want) })
	}
	if errs := ResourceClaimUpdate(claim(func(c *resourcev1.ResourceClaim) { exactly(c).Count = 2 }), claim(func(*resourcev1.ResourceClaim) {})); len(errs) != 1 || errs[0].Field != "spec" {
		t.Errorf("changed: %v", errs)
	}
}

func allocated(change func(*resourcev1.ResourceClaim)) *resourcev1.ResourceClaim {
	return claim(func(c *resourcev1.ResourceClaim) {
		c.Status.Allocation = &resourcev1.AllocationResult{Devices: resourcev1.DeviceAllocationResult{Results: []resourcev1.DeviceRequestAllocationResult{
			{Request: "gpu", Driver: "gpu.example.com", Pool: "node-1", Device: "gpu-0"},
		}}}
		change(c)
	})
}

func TestResourceClaimStatus(t *testing.T) {
	none := func(*resourcev1.ResourceClaim) {}
	reserve := func(c *resourcev1.ResourceClaim) {
		c.Status.ReservedFor = []resourcev1.ResourceClaimConsumerReference{{Resource: "pods", Name: "p", UID: "1"}}
	}
	deleted := func(c *resourcev1.ResourceClaim) { now := metav1.Now(); c.DeletionTimestamp = &now }
	for name, c := range map[string]struct {
		obj, old *resourcev1.ResourceClaim
		want     string
	}{
		"allocate":            {allocated(reserve), claim(none), ""},
		"deallocate":          {claim(none), allocated(none), ""},
		"allocate elsewhere":  {allocated(func(c *resourcev1.ResourceClaim) { c.Status.Allocation.Devices.Results[0].Device = "gpu-1" }), allocated(none), "status.allocation: Invalid value"},
		"reserve unallocated": {claim(reserve), claim(none), "status.reservedFor: Forbidden"},
		"reserve what goes": {allocated(func(c *resourcev1.ResourceClaim) { deleted(c); reserve(c) }), allocated(deleted),
			"status.reservedFor[0]: Forbidden"},
		"another request": {allocated(func(c *resourcev1.ResourceClaim) { c.Status.Allocation.Devices.Results[0].Request = "x" }), claim(none),
			"status.allocation.devices.results[0].request: Invalid value"},
		"a device of another": {allocated(func(c *resourcev1.ResourceClaim) {
			c.Status.Devices = []resourcev1.AllocatedDeviceStatus{{Driver: "gpu.example.com", Pool: "node-1", Device: "gpu-7"}}
		}), allocated(none), "must be an allocated device in the claim"},
		"network data": {allocated(func(c *resourcev1.ResourceClaim) {
			c.Status.Devices = []resourcev1.AllocatedDeviceStatus{{Driver: "gpu.example.com", Pool: "node-1", Device: "gpu-0",
				NetworkData: &resourcev1.NetworkDeviceData{IPs: []string{"10.0.0.1"}}}}
		}), allocated(none), "status.devices[0].networkData.ips[0]: Invalid value"},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, ResourceClaimStatusUpdate(c.obj, c.old), c.want) })
	}
}

func TestResourceSlice(t *testing.T) {
	node, yes, version := "node-1", true, "v1"
	slice := func(change func(*resourcev1.ResourceSliceSpec)) *resourcev1.ResourceSlice {
		s := &resourcev1.ResourceSlice{ObjectMeta: metav1.ObjectMeta{Name: "s", ResourceVersion: "1"}, Spec: resourcev1.ResourceSliceSpec{
			Driver: "gpu.example.com", NodeName: &node, Pool: resourcev1.ResourcePool{Name: "node-1/a", ResourceSliceCount: 1},
			Devices: []resourcev1.Device{{Name: "gpu-0", Attributes: map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{"gpu.example.com/model": {StringValue: &version}}}},
		}}
		change(&s.Spec)
		return s
	}
	for name, c := range map[string]struct {
		change func(*resourcev1.ResourceSliceSpec)
		want   string
	}{
		"good":             {func(*resourcev1.ResourceSliceSpec) {}, ""},
		"no nodes":         {func(s *resourcev1.ResourceSliceSpec) { s.NodeName = nil }, "spec: Required value: exactly one of"},
		"two ways":         {func(s *resourcev1.ResourceSliceSpec) { s.AllNodes = &yes }, "{`nodeName`, `allNodes`}"},
		"two terms":        {func(s *resourcev1.ResourceSliceSpec) { s.NodeName, s.NodeSelector = nil, &corev1.NodeSelector{} }, "must have exactly one node selector term"},
		"no slices":        {func(s *resourcev1.ResourceSliceSpec) { s.Pool.ResourceSliceCount = 0 }, "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero"},
		"same device":      {func(s *resourcev1.ResourceSliceSpec) { s.Devices = append(s.Devices, s.Devices[0]) }, "spec.devices[1].name: Duplicate value"},
		"node of a device": {func(s *resourcev1.ResourceSliceSpec) { s.Devices[0].NodeName = &node }, "spec.devices[0].nodeName: Invalid value"},
		"no value": {func(s *resourcev1.ResourceSliceSpec) {
			s.Devices[0].Attributes = map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{"model": {}}
		}, "spec.devices[0].attributes[model]: Required value: exactly one value must be specified"},
		"bad version": {func(s *resourcev1.ResourceSliceSpec) {
			s.Devices[0].Attributes = map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{"model": {VersionValue: &version}}
		}, "must be a string compatible with semver.org spec 2.0.0"},
		"bad name": {func(s *resourcev1.ResourceSliceSpec) {
			s.Devices[0].Attributes = map[resourcev1.QualifiedName]resourcev1.DeviceAttribute{"a/b/c": {StringValue: &version}}
		}, "must contain exactly one slash"},
		"taint": {func(s *resourcev1.ResourceSliceSpec) {
			s.Devices[0].Taints = []resourcev1.DeviceTaint{{Key: "k", Effect: "PreferNoSchedule"}}
		}, "spec.devices[0].taints[0].effect: Unsupported value"},
	} {
		t.Run(name, func(t *testing.T) { wantError(t, ResourceSlice(slice(c.change)), c.want) })
	}
	changed := slice(func(s *resourcev1.ResourceSliceSpec) { s.Driver = "other.example.com" })
	wantError(t, ResourceSliceUpdate(changed, slice(func(*resourcev1.ResourceSliceSpec) {})), "spec.driver: Invalid value: \"other.example.com\": field is immutable")
}

func TestDeviceClassAndTaintRule(t *testing.T) {
	extended, driver := "example.com/gpu", "Bad Driver"
	class := &resourcev1.DeviceClass{ObjectMeta: metav1.ObjectMeta{Name: "c"}, Spec: resourcev1.DeviceClassSpec{
		ExtendedResourceName: &extended, Selectors: []resourcev1.DeviceSelector{{CEL: &resourcev1.CELDeviceSelector{Expression: "true"}}},
	}}
	wantError(t, DeviceClass(class), "")
	class.Spec.Selectors[0].CEL = nil
	wantError(t, DeviceClass(class), "spec.selectors[0].cel: Required value")
	rule := &resourcev1.DeviceTaintRule{ObjectMeta: metav1.ObjectMeta{Name: "r"}, Spec: resourcev1.DeviceTaintRuleSpec{
		Taint: resourcev1.DeviceTaint{Key: "example.com/broken", Effect: resourcev1.DeviceTaintEffectNoExecute},
	}}
	wantError(t, DeviceTaintRule(rule), "")
	rule.Spec.DeviceSelector = &resourcev1.DeviceTaintSelector{Driver: &driver}
	wantError(t, DeviceTaintRule(rule), "spec.deviceSelector.driver: Invalid value")
}
