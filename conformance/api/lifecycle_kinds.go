package api

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	. "github.com/etalon-dev/etalon/conformance/framework"
)

const (
	// told is a condition that no controller sets; dated one with all that a condition may have to have.
	told  = `{conditions: [{type: Told, status: 'True', reason: Told, message: by the spec}]}`
	dated = `{conditions: [{type: Told, status: 'True', reason: Told, message: by the spec, lastTransitionTime: '2026-01-02T03:04:05Z'}]}`
	// template is a pod's that no node takes.
	template = `{metadata: {labels: {app: lives}}, spec: {nodeSelector: {conformance.etalon.dev/node: none-such}, containers: [{name: main, image: example.com/none:v1}]}}`
	selector = `selector: {matchLabels: {app: lives}}`
)

var _ = Describe("the life of objects", func() {
	f := New()

	each := func(id string, kinds func() []livingKind) {
		f.It(id, func(ctx SpecContext) {
			for _, kind := range kinds() {
				kind.live(ctx, f)
			}
		})
	}

	each("api/core-kinds", func() []livingKind {
		return []livingKind{
			{"", "v1", "configmaps", false, `{apiVersion: v1, kind: ConfigMap, data: {a: b}}`, ""},
			{"", "v1", "secrets", false, `{apiVersion: v1, kind: Secret, stringData: {a: b}}`, ""},
			{"", "v1", "serviceaccounts", false, `{apiVersion: v1, kind: ServiceAccount}`, ""},
			{"", "v1", "podtemplates", false, `{apiVersion: v1, kind: PodTemplate, template: ` + template + `}`, ""},
			{"", "v1", "limitranges", false, `{apiVersion: v1, kind: LimitRange, spec: {limits: [{type: PersistentVolumeClaim, max: {storage: 1Ti}}]}}`, ""},
			{"", "v1", "resourcequotas", false, `{apiVersion: v1, kind: ResourceQuota, spec: {hard: {count/none.example.com: '3'}}}`, `{hard: {pods: '7'}}`},
			{"", "v1", "replicationcontrollers", false, `{apiVersion: v1, kind: ReplicationController, spec: {replicas: 0, selector: {app: lives}, template: ` + template + `}}`, told},
			{"", "v1", "endpoints", false, `{apiVersion: v1, kind: Endpoints, subsets: [{addresses: [{ip: 192.0.2.1}], ports: [{port: 80}]}]}`, ""},
			{"", "v1", "persistentvolumeclaims", false, `{apiVersion: v1, kind: PersistentVolumeClaim, spec: {storageClassName: none-such, accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}}`, told},
			{"", "v1", "persistentvolumes", true, `{apiVersion: v1, kind: PersistentVolume, spec: {storageClassName: none-such, accessModes: [ReadWriteOnce], capacity: {storage: 1Mi}, persistentVolumeReclaimPolicy: Retain, hostPath: {path: /none-such}}}`, `{message: by the spec}`},
		}
	})

	each("api/workload-kinds", func() []livingKind {
		return []livingKind{
			{"apps", "v1", "controllerrevisions", false, `{apiVersion: apps/v1, kind: ControllerRevision, revision: 1, data: {a: b}}`, ""},
			{"apps", "v1", "deployments", false, `{apiVersion: apps/v1, kind: Deployment, spec: {replicas: 0, ` + selector + `, template: ` + template + `}}`, told},
			{"apps", "v1", "replicasets", false, `{apiVersion: apps/v1, kind: ReplicaSet, spec: {replicas: 0, ` + selector + `, template: ` + template + `}}`, told},
			{"apps", "v1", "statefulsets", false, `{apiVersion: apps/v1, kind: StatefulSet, spec: {replicas: 0, serviceName: none, ` + selector + `, template: ` + template + `}}`, told},
			{"apps", "v1", "daemonsets", false, `{apiVersion: apps/v1, kind: DaemonSet, spec: {` + selector + `, template: ` + template + `}}`, told},
			{"batch", "v1", "jobs", false, `{apiVersion: batch/v1, kind: Job, spec: {suspend: true, template: {spec: {restartPolicy: Never, containers: [{name: main, image: example.com/none:v1}]}}}}`, told},
			{"batch", "v1", "cronjobs", false, `{apiVersion: batch/v1, kind: CronJob, spec: {suspend: true, schedule: '1 1 1 1 *', jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: main, image: example.com/none:v1}]}}}}}}`, `{lastScheduleTime: '2026-01-02T03:04:05Z'}`},
			{"autoscaling", "v2", "horizontalpodautoscalers", false, `{apiVersion: autoscaling/v2, kind: HorizontalPodAutoscaler, spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: none-such}}}`, told},
			{"policy", "v1", "poddisruptionbudgets", false, `{apiVersion: policy/v1, kind: PodDisruptionBudget, spec: {minAvailable: 1, ` + selector + `}}`, dated},
		}
	})

	each("api/network-kinds", func() []livingKind {
		return []livingKind{
			{"", "v1", "services", false, `{apiVersion: v1, kind: Service, spec: {clusterIP: None, ports: [{port: 80}]}}`, dated},
			{"discovery.k8s.io", "v1", "endpointslices", false, `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, addressType: IPv4, endpoints: [{addresses: [192.0.2.1]}], ports: [{port: 80}]}`, ""},
			{"networking.k8s.io", "v1", "ingresses", false, `{apiVersion: networking.k8s.io/v1, kind: Ingress, spec: {ingressClassName: none-such, defaultBackend: {service: {name: none-such, port: {number: 80}}}}}`, `{loadBalancer: {ingress: [{hostname: lives.example.com}]}}`},
			{"networking.k8s.io", "v1", "networkpolicies", false, `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, spec: {podSelector: {matchLabels: {app: none-such}}}}`, ""},
			{"networking.k8s.io", "v1", "ingressclasses", true, `{apiVersion: networking.k8s.io/v1, kind: IngressClass, spec: {controller: example.com/none-such}}`, ""},
			{"coordination.k8s.io", "v1", "leases", false, `{apiVersion: coordination.k8s.io/v1, kind: Lease, spec: {holderIdentity: one, leaseDurationSeconds: 30, renewTime: '2026-01-02T03:04:05.123456Z'}}`, ""},
		}
	})

	each("api/storage-kinds", func() []livingKind {
		return []livingKind{
			{"storage.k8s.io", "v1", "storageclasses", true, `{apiVersion: storage.k8s.io/v1, kind: StorageClass, provisioner: example.com/none-such}`, ""},
			{"storage.k8s.io", "v1", "csidrivers", true, `{apiVersion: storage.k8s.io/v1, kind: CSIDriver, spec: {attachRequired: false}}`, ""},
			{"storage.k8s.io", "v1", "csinodes", true, `{apiVersion: storage.k8s.io/v1, kind: CSINode, spec: {drivers: []}}`, ""},
			{"storage.k8s.io", "v1", "csistoragecapacities", false, `{apiVersion: storage.k8s.io/v1, kind: CSIStorageCapacity, storageClassName: none-such, capacity: 1Gi}`, ""},
			{"storage.k8s.io", "v1", "volumeattachments", true, `{apiVersion: storage.k8s.io/v1, kind: VolumeAttachment, spec: {attacher: none.example.com, nodeName: none-such, source: {persistentVolumeName: none-such}}}`, `{attachError: {message: by the spec}}`},
		}
	})

	each("api/policy-kinds", func() []livingKind {
		return []livingKind{
			{"admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations", true, `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingWebhookConfiguration, webhooks: []}`, ""},
			{"admissionregistration.k8s.io", "v1", "mutatingwebhookconfigurations", true, `{apiVersion: admissionregistration.k8s.io/v1, kind: MutatingWebhookConfiguration, webhooks: []}`, ""},
			{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicies", true, `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicy, spec: {
				matchConstraints: {resourceRules: [{apiGroups: [none.example.com], apiVersions: [v1], resources: [nones], operations: [CREATE]}]}, validations: [{expression: 'true'}]}}`, dated},
			{"admissionregistration.k8s.io", "v1", "validatingadmissionpolicybindings", true, `{apiVersion: admissionregistration.k8s.io/v1, kind: ValidatingAdmissionPolicyBinding, spec: {policyName: none-such.example.com, validationActions: [Warn]}}`, ""},
			{"flowcontrol.apiserver.k8s.io", "v1", "flowschemas", true, `{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: FlowSchema, spec: {matchingPrecedence: 9999, priorityLevelConfiguration: {name: global-default}}}`, dated},
			{"flowcontrol.apiserver.k8s.io", "v1", "prioritylevelconfigurations", true, `{apiVersion: flowcontrol.apiserver.k8s.io/v1, kind: PriorityLevelConfiguration, spec: {type: Limited, limited: {nominalConcurrencyShares: 1, limitResponse: {type: Reject}}}}`, dated},
			{"scheduling.k8s.io", "v1", "priorityclasses", true, `{apiVersion: scheduling.k8s.io/v1, kind: PriorityClass, value: 1}`, ""},
			{"node.k8s.io", "v1", "runtimeclasses", true, `{apiVersion: node.k8s.io/v1, kind: RuntimeClass, handler: none-such}`, ""},
		}
	})

	each("api/identity-kinds", func() []livingKind {
		const rules = `rules: [{apiGroups: [none.example.com], resources: [nones], verbs: [get]}]`
		const subjects = `subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: none-such}]`
		return []livingKind{
			{"rbac.authorization.k8s.io", "v1", "roles", false, `{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, ` + rules + `}`, ""},
			{"rbac.authorization.k8s.io", "v1", "rolebindings", false, `{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, roleRef: {kind: Role, name: none-such, apiGroup: rbac.authorization.k8s.io}, ` + subjects + `}`, ""},
			{"rbac.authorization.k8s.io", "v1", "clusterroles", true, `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, ` + rules + `}`, ""},
			{"rbac.authorization.k8s.io", "v1", "clusterrolebindings", true, `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRoleBinding, roleRef: {kind: ClusterRole, name: none-such, apiGroup: rbac.authorization.k8s.io}, ` + subjects + `}`, ""},
			{"certificates.k8s.io", "v1", "certificatesigningrequests", true, fmt.Sprintf(`{apiVersion: certificates.k8s.io/v1, kind: CertificateSigningRequest, spec: {signerName: example.com/none-such, usages: [client auth], request: %s}}`, certificateRequest()), told},
		}
	})

	each("api/device-kinds", func() []livingKind {
		const claim = `spec: {devices: {requests: [{name: one, exactly: {deviceClassName: none-such}}]}}`
		return []livingKind{
			{"resource.k8s.io", "v1", "deviceclasses", true, `{apiVersion: resource.k8s.io/v1, kind: DeviceClass, spec: {selectors: [{cel: {expression: 'device.driver == "none.example.com"'}}]}}`, ""},
			{"resource.k8s.io", "v1", "resourceclaims", false, `{apiVersion: resource.k8s.io/v1, kind: ResourceClaim, ` + claim + `}`, ""},
			{"resource.k8s.io", "v1", "resourceclaimtemplates", false, `{apiVersion: resource.k8s.io/v1, kind: ResourceClaimTemplate, spec: {` + claim + `}}`, ""},
			{"resource.k8s.io", "v1", "resourceslices", true, `{apiVersion: resource.k8s.io/v1, kind: ResourceSlice, spec: {driver: none.example.com, allNodes: true, pool: {name: none, generation: 1, resourceSliceCount: 1}, devices: [{name: one}]}}`, ""},
		}
	})
})

// certificateRequest is a request for a certificate as the API takes it.
func certificateRequest() string {
	GinkgoHelper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	Expect(err).NotTo(HaveOccurred())
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "lives"}}, key)
	Expect(err).NotTo(HaveOccurred())
	return base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}))
}
