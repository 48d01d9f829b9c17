package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestVolumeSources(t *testing.T) {
	pair := func(source, want string) [2]string {
		return [2]string{podOf(`volumes: [{name: v, ` + source + `}]`), want}
	}
	manifests(t, validation.Pod, [][2]string{
		pair(`emptyDir: {sizeLimit: -1}`, `spec.volumes[0].emptyDir.sizeLimit: Forbidden: SizeLimit field must be a valid resource quantity`),
		pair(`hostPath: {path: /a, type: Disk}`,
			`spec.volumes[0].hostPath.type: Unsupported value: "Disk": supported values: "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket"`),
		pair(`nfs: {server: s, path: a}`, `spec.volumes[0].nfs.path: Invalid value: "a": must be an absolute path`),
		pair(`iscsi: {targetPortal: p, iqn: "iqn.2015-02.example.com:test", lun: 0}`, ``),
		pair(`iscsi: {targetPortal: p, iqn: disk, lun: 256}`,
			`[spec.volumes[0].iscsi.iqn: Invalid value: "disk": must be valid format starting with iqn, eui, or naa, spec.volumes[0].iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive]`),
		pair(`iscsi: {targetPortal: p, iqn: eui.1, lun: 1, chapAuthSession: true}`,
			`[spec.volumes[0].iscsi.iqn: Invalid value: "eui.1": must be valid format, spec.volumes[0].iscsi.secretRef: Required value]`),
		pair(`gcePersistentDisk: {pdName: d, partition: 256}`, `spec.volumes[0].gcePersistentDisk.partition: Invalid value: 256: must be between 1 and 255, inclusive`),
		pair(`flocker: {datasetName: a/b, datasetUUID: c}`,
			`[spec.volumes[0].flocker: Invalid value: "resource": datasetName and datasetUUID can not be specified simultaneously, spec.volumes[0].flocker.datasetName: Invalid value: "a/b": must not contain '/']`),
		pair(`fc: {targetWWNs: [a], wwids: [b]}`,
			`[spec.volumes[0].fc.targetWWNs: Invalid value: ["a"]: targetWWNs and wwids can not be specified simultaneously, spec.volumes[0].fc.lun: Required value: lun is required if targetWWNs is specified]`),
		pair(`quobyte: {registry: host, volume: v}`,
			`spec.volumes[0].quobyte.registry: Invalid value: "host": must be a host:port pair or multiple pairs separated by commas`),
		pair(`azureDisk: {diskName: d, diskURI: "https://a/b"}`, ``),
		pair(`azureDisk: {diskName: d, diskURI: "https://a/b", kind: Managed}`,
			`spec.volumes[0].azureDisk.diskURI: Unsupported value: "https://a/b": supported values: "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"`),
		pair(`flexVolume: {driver: d, options: {a.k8s.io/x: b, z: z}}`,
			`spec.volumes[0].flexVolume.options[a.k8s.io/x]: Invalid value: "a.k8s.io/x": kubernetes.io and k8s.io namespaces are reserved`),
		pair(`scaleIO: {gateway: g, volumeName: v, secretRef: {name: s}, system: ""}`, `spec.volumes[0].scaleIO.system: Required value`),
		pair(`csi: {driver: a_b}`, `spec.volumes[0].csi.driver: Invalid value: "a_b": a lowercase RFC 1123 subdomain…`),
		pair(`secret: {secretName: s, items: [{key: k, path: /abs}]}`, `spec.volumes[0].secret.items[0].path: Invalid value: "/abs": must be a relative path`),
		pair(`configMap: {name: c, items: [{key: k, path: ..x}]}`, `spec.volumes[0].configMap.items[0].path: Invalid value: "..x": must not start with '..'`),
		pair(`projected: {sources: [{serviceAccountToken: {path: t, expirationSeconds: 599}}]}`,
			`spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes`),
		pair(`downwardAPI: {items: [{path: a, fieldRef: {fieldPath: spec.nodeName}}]}`,
			`spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported values: "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"`),
		pair(`ephemeral: {volumeClaimTemplate: {metadata: {name: x, labels: {a: b}}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}}`,
			`spec.volumes[0].ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set for an ephemeral volume`),
		pair(`ephemeral: {}`, `spec.volumes[0].ephemeral.volumeClaimTemplate: Required value`),
	})
}

func TestPersistentVolumes(t *testing.T) {
	pair := func(spec, want string) [2]string {
		return [2]string{`{metadata: {name: v}, spec: {capacity: {storage: 1Gi}, ` + spec + `}}`, want}
	}
	const rwo = `accessModes: [ReadWriteOnce], `
	manifests(t, validation.PersistentVolume, [][2]string{
		pair(`hostPath: {path: /a}`, `spec.accessModes: Required value`),
		pair(`accessModes: [ReadWriteOncePod, ReadWriteOnce], hostPath: {path: /a}`, `spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes`),
		pair(`accessModes: [Write], hostPath: {path: /a}`,
			`spec.accessModes: Unsupported value: "Write": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"`),
		pair(rwo+`hostPath: {path: /}, persistentVolumeReclaimPolicy: Recycle`,
			`spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'`),
		pair(rwo+`local: {path: /a}`, `spec.nodeAffinity: Required value: Local volume requires node affinity`),
		pair(rwo+`csi: {driver: d.example.com, volumeHandle: h, nodePublishSecretRef: {name: s}}`, `spec.csi.nodePublishSecretRef.namespace: Required value`),
		pair(rwo+`csi: {driver: d.example.com, volumeHandle: h}, volumeAttributesClassName: gold`, ``),
		pair(rwo+`csi: {driver: d.example.com, volumeHandle: h}, volumeAttributesClassName: ""`, `spec.volumeAttributesClassName: Required value: an empty string is disallowed`),
		pair(rwo+`hostPath: {path: /a}, volumeAttributesClassName: gold`, `spec.csi: Required value: has to be specified when using volumeAttributesClassName`),
		pair(rwo+`azureFile: {secretName: s, shareName: s, secretNamespace: ""}`, `spec.azureFile.secretNamespace: Required value`),
		pair(rwo+`glusterfs: {endpoints: e, path: p, endpointsNamespace: A}`, `spec.glusterfs.endpointsNamespace: Invalid value: "A": a lowercase RFC 1123 label…`),
		pair(rwo+`hostPath: {path: /a}, nfs: {server: s, path: /}`, `spec.nfs: Forbidden: may not specify more than 1 volume type`),
	})
	const volume = `
metadata: {name: v}
spec:
  capacity: {storage: 1Gi}
  accessModes: [ReadWriteOnce]
  csi: {driver: d.example.com, volumeHandle: h}
  volumeAttributesClassName: gold
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: failure-domain.beta.kubernetes.io/zone, operator: In, values: [z]}]}]}}
`
	key := func(k string) func(*corev1.PersistentVolume) {
		return func(v *corev1.PersistentVolume) {
			v.Spec.NodeAffinity.Required.NodeSelectorTerms[0].MatchExpressions[0].Key = k
		}
	}
	updates(t, volume, validation.PersistentVolumeUpdate, []row[corev1.PersistentVolume]{
		{"expansion secret", func(v *corev1.PersistentVolume) {
			v.Spec.CSI.ControllerExpandSecretRef = &corev1.SecretReference{Name: "a", Namespace: "b"}
		}, ``},
		{"handle", func(v *corev1.PersistentVolume) { v.Spec.CSI.VolumeHandle = "i" },
			"spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation\n…"},
		{"mode", func(v *corev1.PersistentVolume) { v.Spec.VolumeMode = ptr(corev1.PersistentVolumeBlock) }, `volumeMode: Invalid value: "Block": field is immutable`},
		{"label's new name", key("topology.kubernetes.io/zone"), ``},
		{"other label", key("rack"), `nodeAffinity: Invalid value: {"required":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"rack","operator":"In","values":["z"]}]}]}}: field is immutable`},
		{"class", func(v *corev1.PersistentVolume) { v.Spec.VolumeAttributesClassName = ptr("silver") }, ``},
		{"no class", func(v *corev1.PersistentVolume) { v.Spec.VolumeAttributesClassName = nil },
			`spec.volumeAttributesClassName: Forbidden: update from non-nil value to nil is forbidden`},
		{"size", func(v *corev1.PersistentVolume) {
			v.Spec.Capacity = corev1.ResourceList{"storage": resource.MustParse("2Gi")}
		}, ``},
	})
}

func TestPersistentVolumeClaims(t *testing.T) {
	pair := func(spec, want string) [2]string {
		return [2]string{`{metadata: {name: c, namespace: default}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}, ` + spec + `}}`, want}
	}
	manifests(t, validation.PersistentVolumeClaim, [][2]string{
		pair(`volumeAttributesClassName: ""`, ``),
		pair(`volumeAttributesClassName: A`, `spec.volumeAttributesClassName: Invalid value: "A": a lowercase RFC 1123 subdomain…`),
		pair(`storageClassName: ""`, ``),
		pair(`dataSource: {kind: Pod, name: p}`, `spec.dataSource: Invalid value: "Pod": must be 'PersistentVolumeClaim' when referencing the default apiGroup`),
		pair(`dataSource: {apiGroup: A_B, kind: Pod, name: p}`, `spec.dataSource.apiGroup: Invalid value: "A_B": a lowercase RFC 1123 subdomain…`),
		pair(`dataSourceRef: {apiGroup: a.example.com, kind: Thing, name: ""}`, `spec.dataSourceRef.name: Required value`),
		pair(`dataSource: {kind: PersistentVolumeClaim, name: a}, dataSourceRef: {kind: PersistentVolumeClaim, name: b}`, `spec: Invalid value: "spec.dataSource": must match dataSourceRef`),
		pair(`volumeMode: Tape`, `spec.volumeMode: Unsupported value: "Tape": supported values: "Block", "Filesystem"`),
	})
	const bound = `
metadata: {name: c, namespace: default}
spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 2Gi}}, volumeName: v}
status: {phase: Bound, capacity: {storage: 1Gi}}
`
	size := func(s string) func(*corev1.PersistentVolumeClaim) {
		return func(c *corev1.PersistentVolumeClaim) {
			c.Spec.Resources.Requests = corev1.ResourceList{"storage": resource.MustParse(s)}
		}
	}
	updates(t, bound, validation.PersistentVolumeClaimUpdate, []row[corev1.PersistentVolumeClaim]{
		{"grows", size("3Gi"), ``},
		{"gives the expansion up", size("1500Mi"), ``},
		{"shrinks", size("1Gi"), `spec.resources.requests.storage: Forbidden: field can not be less than status.capacity`},
		{"class", func(c *corev1.PersistentVolumeClaim) { c.Spec.StorageClassName = ptr("fast") }, ``},
		{"attributes", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeAttributesClassName = ptr("gold") }, ``},
		{"volume", func(c *corev1.PersistentVolumeClaim) { c.Spec.VolumeName = "w" },
			"spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims\n…"},
	})
	updates(t, bound, validation.PersistentVolumeClaimStatusUpdate, []row[corev1.PersistentVolumeClaim]{
		{"negative", func(c *corev1.PersistentVolumeClaim) {
			c.Status.Capacity = corev1.ResourceList{"storage": resource.MustParse("-1")}
		}, `status.capacity[storage]: Invalid value: -1: must be a valid resource quantity`},
		{"resource", func(c *corev1.PersistentVolumeClaim) {
			c.Status.AllocatedResources = corev1.ResourceList{"cpu": resource.MustParse("1")}
		}, `status.allocatedResources: Unsupported value: "cpu": supported values: "storage", "a custom resource name"`},
		{"state", func(c *corev1.PersistentVolumeClaim) {
			c.Status.AllocatedResourceStatuses = map[corev1.ResourceName]corev1.ClaimResourceStatus{"storage": "Growing"}
		}, `status.allocatedResourceStatuses: Unsupported value: "storage": supported values: "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible", "NodeResizePending"`},
	})
}
