package validation_test

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	nodev1 "k8s.io/api/node/v1"
	schedulingv1 "k8s.io/api/scheduling/v1"
	storagev1 "k8s.io/api/storage/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestStorageClassTopologies(t *testing.T) {
	term := func(key string, values ...string) corev1.TopologySelectorTerm {
		return corev1.TopologySelectorTerm{MatchLabelExpressions: []corev1.TopologySelectorLabelRequirement{{Key: key, Values: values}}}
	}
	table(t, `{metadata: {name: c}, provisioner: Example.com/p}`, validation.StorageClass, []row[storagev1.StorageClass]{
		{"provisioner", func(c *storagev1.StorageClass) { c.Provisioner = "a/b/c" },
			`provisioner: Invalid value: "a/b/c": a valid label key must consist of alphanumeric characters…`},
		{"unnamed parameter", func(c *storagev1.StorageClass) { c.Parameters = map[string]string{"": "a"} },
			`parameters: Invalid value: "": field can not be empty.`},
		{"much", func(c *storagev1.StorageClass) { c.Parameters = map[string]string{"a": strings.Repeat("x", 256*1024)} },
			`parameters: Too long: may not be more than 262144 bytes`},
		{"different", func(c *storagev1.StorageClass) {
			c.AllowedTopologies = []corev1.TopologySelectorTerm{term("zone", "a"), term("zone", "b")}
		}, ``},
		{"the same", func(c *storagev1.StorageClass) {
			c.AllowedTopologies = []corev1.TopologySelectorTerm{term("zone", "a", "b"), term("zone", "b", "a")}
		}, `allowedTopologies[1].matchLabelExpressions: Duplicate value: ""`},
		{"twice a value", func(c *storagev1.StorageClass) {
			c.AllowedTopologies = []corev1.TopologySelectorTerm{term("zone", "a", "a")}
		}, `allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: "a"`},
		{"twice a key", func(c *storagev1.StorageClass) {
			t := term("zone", "a")
			t.MatchLabelExpressions = append(t.MatchLabelExpressions, term("zone", "b").MatchLabelExpressions...)
			c.AllowedTopologies = []corev1.TopologySelectorTerm{t}
		}, `allowedTopologies[0].matchLabelExpressions[1].key: Duplicate value: "zone"`},
		{"no value", func(c *storagev1.StorageClass) { c.AllowedTopologies = []corev1.TopologySelectorTerm{term("zone")} },
			`allowedTopologies[0].matchLabelExpressions[0].values: Required value`},
	})
}

func TestCSI(t *testing.T) {
	table(t, `{metadata: {name: d.example.com}, spec: {tokenRequests: [{audience: a}], serviceAccountTokenInSecrets: true}}`, validation.CSIDriver,
		[]row[storagev1.CSIDriver]{
			{"no tokens to pass", func(d *storagev1.CSIDriver) { d.Spec.TokenRequests = nil },
				"spec.serviceAccountTokenInSecrets: Invalid value: true: must not be specified when `tokenRequests` is empty"},
			{"twice", func(d *storagev1.CSIDriver) {
				d.Spec.TokenRequests = append(d.Spec.TokenRequests, storagev1.TokenRequest{Audience: "a", ExpirationSeconds: ptr[int64](1)})
			}, `spec.tokenRequests[1].audience: Duplicate value: "a"`},
			{"short", func(d *storagev1.CSIDriver) { d.Spec.TokenRequests[0].ExpirationSeconds = ptr[int64](599) },
				`spec.tokenRequests[0].expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes`},
			{"policy", func(d *storagev1.CSIDriver) { d.Spec.FSGroupPolicy = ptr(storagev1.FSGroupPolicy("Odd")) },
				`spec.fsGroupPolicy: Unsupported value: "Odd": supported values: "File", "None", "ReadWriteOnceWithFSType"`},
			{"often", func(d *storagev1.CSIDriver) { d.Spec.NodeAllocatableUpdatePeriodSeconds = ptr[int64](9) },
				`spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: must be greater than or equal to 10 seconds`},
		})
	table(t, `{metadata: {name: n}, spec: {drivers: [{name: d.example.com, nodeID: n, topologyKeys: [example.com/zone]}]}}`, validation.CSINode,
		[]row[storagev1.CSINode]{
			{"id", func(n *storagev1.CSINode) { n.Spec.Drivers[0].NodeID = "" }, `spec.drivers[0].nodeID: Required value`},
			{"long id", func(n *storagev1.CSINode) { n.Spec.Drivers[0].NodeID = strings.Repeat("n", 257) },
				`spec.drivers[0].nodeID: Invalid value: "` + strings.Repeat("n", 257) + `": must be 256 characters or less`},
			{"key", func(n *storagev1.CSINode) { n.Spec.Drivers[0].TopologyKeys = []string{"zone", "zone"} },
				`spec.drivers[0].topologyKeys: Duplicate value: "zone"`},
			{"twice", func(n *storagev1.CSINode) { n.Spec.Drivers = append(n.Spec.Drivers, n.Spec.Drivers[0]) },
				`spec.drivers[1].name: Duplicate value: "d.example.com"`},
		})
	const inline = `{accessModes: [ReadWriteOnce], csi: {driver: d.example.com, volumeHandle: h}}`
	table(t, `{metadata: {name: a}, spec: {attacher: d.example.com, nodeName: n, source: {inlineVolumeSpec: `+inline+`}}}`, validation.VolumeAttachment,
		[]row[storagev1.VolumeAttachment]{
			{"class", func(a *storagev1.VolumeAttachment) { a.Spec.Source.InlineVolumeSpec.StorageClassName = "c" },
				`spec.source.inlineVolumeSpec.storageClassName: Forbidden: may not be specified in the context of inline volumes`},
			{"claim", func(a *storagev1.VolumeAttachment) {
				a.Spec.Source.InlineVolumeSpec.ClaimRef = &corev1.ObjectReference{}
			}, `spec.source.inlineVolumeSpec.claimRef: Forbidden: may not be specified in the context of inline volumes`},
			{"block", func(a *storagev1.VolumeAttachment) {
				a.Spec.Source.InlineVolumeSpec.VolumeMode = ptr(corev1.PersistentVolumeBlock)
			}, `spec.source.inlineVolumeSpec.volumeMode: Forbidden: may not specify volumeMode other than Filesystem in the context of inline volumes`},
			{"other driver", func(a *storagev1.VolumeAttachment) {
				s := a.Spec.Source.InlineVolumeSpec
				s.CSI, s.HostPath = nil, &corev1.HostPathVolumeSource{Path: "/x"}
			}, `spec.source.inlineVolumeSpec.csi: Required value: has to be specified in the context of inline volumes`},
			{"both", func(a *storagev1.VolumeAttachment) { a.Spec.Source.PersistentVolumeName = ptr("v") },
				`spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName`},
			{"neither", func(a *storagev1.VolumeAttachment) { a.Spec.Source.InlineVolumeSpec = nil },
				`spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName`},
		})
}

func TestAttributesClassOfAClaim(t *testing.T) {
	const claim = `{metadata: {name: c, namespace: ns}, spec: {accessModes: [ReadWriteOnce], volumeAttributesClassName: fast, resources: {requests: {storage: 1Gi}}}`
	updates(t, claim+`}`, validation.PersistentVolumeClaimUpdate, []row[corev1.PersistentVolumeClaim]{
		{"given up", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = nil }, ``},
	})
	updates(t, claim+`, status: {currentVolumeAttributesClassName: fast}}`, validation.PersistentVolumeClaimUpdate, []row[corev1.PersistentVolumeClaim]{
		{"replaced", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = ptr("slow") }, ``},
		{"given up", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = nil },
			`spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil`},
		{"emptied", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = ptr("") },
			`spec.volumeAttributesClassName: Forbidden: update to empty string is forbidden when status.currentVolumeAttributesClassName is not nil`},
	})
}

func TestClassesOfPods(t *testing.T) {
	table(t, `{metadata: {name: system-node-critical}, value: 2000001000}`, validation.PriorityClass, []row[schedulingv1.PriorityClass]{
		{"value", func(c *schedulingv1.PriorityClass) { c.Value = 1 },
			`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000`},
		{"default", func(c *schedulingv1.PriorityClass) { c.GlobalDefault = true },
			`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: globalDefault of system-node-critical PriorityClass must be false`},
		{"unknown", func(c *schedulingv1.PriorityClass) { c.Name = "system-x" },
			`metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: system-x is not a known system priority class`},
		{"high", func(c *schedulingv1.PriorityClass) { c.Name = "mine" },
			`value: Forbidden: maximum allowed value of a user defined priority is 1000000000`},
	})
	table(t, `{metadata: {name: c}, handler: runc, overhead: {podFixed: {cpu: 10m}}, scheduling: {tolerations: [{key: a, operator: Exists}]}}`, validation.RuntimeClass,
		[]row[nodev1.RuntimeClass]{
			{"overhead", func(c *nodev1.RuntimeClass) {
				c.Overhead.PodFixed = corev1.ResourceList{"odd": c.Overhead.PodFixed["cpu"]}
			},
				`[overhead.limits[odd]: Invalid value: "odd": must be a standard resource type or fully qualified, overhead.limits[odd]: Invalid value: "odd": must be a standard resource for containers]`},
			{"toleration", func(c *nodev1.RuntimeClass) {
				c.Scheduling.Tolerations = append(c.Scheduling.Tolerations, c.Scheduling.Tolerations[0])
			}, `scheduling.tolerations[1]: Duplicate value: {"key":"a","operator":"Exists"}`},
		})
}

func TestAddressObjects(t *testing.T) {
	table(t, `{metadata: {name: 10.96.0.1}, spec: {parentRef: {resource: services, name: a, namespace: ns}}}`, validation.IPAddress, []row[networkingv1.IPAddress]{
		{"resource", func(a *networkingv1.IPAddress) { a.Spec.ParentRef.Resource = "a/b" },
			`spec.parentRef.resource: Invalid value: "a/b": may not contain '/'`},
		{"name", func(a *networkingv1.IPAddress) { a.Spec.ParentRef.Name = ".." }, `spec.parentRef.name: Invalid value: "..": may not be '..'`},
		{"namespace", func(a *networkingv1.IPAddress) { a.Spec.ParentRef.Namespace = "a%" },
			`spec.parentRef.namespace: Invalid value: "a%": may not contain '%'`},
		{"nothing", func(a *networkingv1.IPAddress) { a.Spec.ParentRef = &networkingv1.ParentReference{} },
			`[spec.parentRef.resource: Required value, spec.parentRef.name: Required value]`},
	})
	updates(t, `{metadata: {name: c}, spec: {cidrs: [10.96.0.0/12]}}`, validation.ServiceCIDRUpdate, []row[networkingv1.ServiceCIDR]{
		{"second family", func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = append(c.Spec.CIDRs, "fd00::/112") }, ``},
		{"same family", func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = append(c.Spec.CIDRs, "10.0.0.0/16") },
			`spec.cidrs: Invalid value: {"cidrs":["10.96.0.0/12","10.0.0.0/16"]}: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64`},
		{"none", func(c *networkingv1.ServiceCIDR) { c.Spec.CIDRs = nil }, `spec.cidrs: Invalid value: null: field is immutable`},
	})
}
