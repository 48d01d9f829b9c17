package defaults

import (
	"testing"

	admissionv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	flowcontrolv1 "k8s.io/api/flowcontrol/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
)

func TestService(t *testing.T) {
	equals(t, read[corev1.Service](t, `{spec: {clusterIP: 10.96.0.1, ports: [{port: 80}, {port: 81, targetPort: web}]}}`), `
spec:
  type: ClusterIP
  clusterIP: 10.96.0.1
  clusterIPs: [10.96.0.1]
  sessionAffinity: None
  internalTrafficPolicy: Cluster
  ports: [{port: 80, targetPort: 80, protocol: TCP}, {port: 81, targetPort: web, protocol: TCP}]
`)
	equals(t, read[corev1.Service](t, `{spec: {type: LoadBalancer, sessionAffinity: ClientIP}, status: {loadBalancer: {ingress: [{ip: 1.1.1.1}]}}}`), `
spec:
  type: LoadBalancer
  sessionAffinity: ClientIP
  sessionAffinityConfig: {clientIP: {timeoutSeconds: 10800}}
  externalTrafficPolicy: Cluster
  internalTrafficPolicy: Cluster
  allocateLoadBalancerNodePorts: true
status: {loadBalancer: {ingress: [{ip: 1.1.1.1, ipMode: VIP}]}}
`)
	equals(t, read[corev1.Service](t, `{spec: {type: ExternalName, externalName: a.b}}`), `{spec: {type: ExternalName, externalName: a.b, sessionAffinity: None}}`)
}

func TestCore(t *testing.T) {
	equals(t, read[corev1.Secret](t, `{data: {a: Yg==}, stringData: {a: c, d: e}}`), `{type: Opaque, data: {a: Yw==, d: ZQ==}}`)
	equals(t, read[corev1.Namespace](t, `{metadata: {name: n}}`), `{metadata: {name: n, labels: {kubernetes.io/metadata.name: n}}, status: {phase: Active}}`)
	equals(t, read[corev1.Node](t, `{spec: {podCIDRs: [10.244.1.0/24]}, status: {capacity: {cpu: 0.0001}}}`),
		`{spec: {podCIDR: 10.244.1.0/24, podCIDRs: [10.244.1.0/24]}, status: {capacity: {cpu: 1m}, allocatable: {cpu: 1m}}}`)
	equals(t, read[corev1.PersistentVolumeClaim](t, `{}`), `{spec: {volumeMode: Filesystem}, status: {phase: Pending}}`)
	equals(t, read[corev1.PersistentVolume](t, `{spec: {hostPath: {path: /x}}}`),
		`{spec: {volumeMode: Filesystem, persistentVolumeReclaimPolicy: Retain, hostPath: {path: /x, type: ""}}, status: {phase: Pending}}`)
	equals(t, read[corev1.LimitRange](t, `{spec: {limits: [{type: Container, max: {cpu: 2}, min: {memory: 1Mi}}]}}`),
		`{spec: {limits: [{type: Container, max: {cpu: 2}, min: {memory: 1Mi}, default: {cpu: 2}, defaultRequest: {cpu: 2, memory: 1Mi}}]}}`)
	equals(t, read[corev1.Endpoints](t, `{subsets: [{ports: [{port: 1}]}]}`), `{subsets: [{ports: [{port: 1, protocol: TCP}]}]}`)
	equals(t, read[corev1.ServiceList](t, `{items: [{spec: {type: ExternalName}}]}`), `{items: [{spec: {type: ExternalName, sessionAffinity: None}}]}`)
}

func TestReplicationController(t *testing.T) {
	rc := read[corev1.ReplicationController](t, `{spec: {template: {metadata: {labels: {a: b}}, spec: {containers: []}}}}`)
	if rc.Spec.Selector["a"] != "b" || rc.Labels["a"] != "b" || *rc.Spec.Replicas != 1 {
		t.Errorf("wanted selector and labels from the template and one replica, got %+v", rc)
	}
	rc.Labels["c"] = "d"
	if _, shared := rc.Spec.Selector["c"]; shared {
		t.Error("labels and selector are one map")
	}
}

// noPod drops the template, whose defaults are TestPod's subject.
func noPod(s *corev1.PodTemplateSpec) { s.Spec = corev1.PodSpec{} }

func TestWorkloads(t *testing.T) {
	d := read[appsv1.Deployment](t, `{}`)
	noPod(&d.Spec.Template)
	equals(t, d, `{spec: {replicas: 1, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 25%, maxSurge: 25%}}}}`)
	d = read[appsv1.Deployment](t, `{spec: {replicas: 0, strategy: {type: Recreate}}}`)
	noPod(&d.Spec.Template)
	equals(t, d, `{spec: {replicas: 0, revisionHistoryLimit: 10, progressDeadlineSeconds: 600, strategy: {type: Recreate}}}`)
	ds := read[appsv1.DaemonSet](t, `{}`)
	noPod(&ds.Spec.Template)
	equals(t, ds, `{spec: {revisionHistoryLimit: 10, updateStrategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 1, maxSurge: 0}}}}`)
	st := read[appsv1.StatefulSet](t, `{spec: {volumeClaimTemplates: [{metadata: {name: data}}]}}`)
	noPod(&st.Spec.Template)
	equals(t, st, `
spec:
  replicas: 1
  revisionHistoryLimit: 10
  podManagementPolicy: OrderedReady
  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 0, maxUnavailable: 1}}
  persistentVolumeClaimRetentionPolicy: {whenDeleted: Retain, whenScaled: Retain}
  volumeClaimTemplates: [{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {volumeMode: Filesystem}, status: {phase: Pending}}]
`)
}

func TestJobs(t *testing.T) {
	j := read[batchv1.Job](t, `{spec: {template: {metadata: {labels: {a: b}}}}}`)
	noPod(&j.Spec.Template)
	equals(t, j, `
metadata: {labels: {a: b}}
spec: {completions: 1, parallelism: 1, backoffLimit: 6, completionMode: NonIndexed, suspend: false, manualSelector: false, podReplacementPolicy: TerminatingOrFailed, template: {metadata: {labels: {a: b}}}}
`)
	if j := read[batchv1.Job](t, `{spec: {parallelism: 3}}`); j.Spec.Completions != nil {
		t.Errorf("a work queue got completions: %d", *j.Spec.Completions)
	}
	c := read[batchv1.CronJob](t, `{}`)
	noPod(&c.Spec.JobTemplate.Spec.Template)
	equals(t, c, `{spec: {concurrencyPolicy: Allow, suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1}}`)
}

func TestOthers(t *testing.T) {
	equals(t, read[rbacv1.RoleBinding](t, `{roleRef: {kind: Role, name: r}, subjects: [{kind: User, name: u}, {kind: ServiceAccount, name: s}]}`),
		`{roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}, subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: u}, {kind: ServiceAccount, name: s}]}`)
	equals(t, read[networkingv1.NetworkPolicy](t, `{spec: {egress: [{ports: [{port: 1}]}]}}`),
		`{spec: {egress: [{ports: [{port: 1, protocol: TCP}]}], policyTypes: [Ingress, Egress]}}`)
	equals(t, read[discoveryv1.EndpointSlice](t, `{ports: [{port: 1}]}`), `{ports: [{name: "", protocol: TCP, port: 1}]}`)
	equals(t, read[storagev1.StorageClass](t, `{}`), `{reclaimPolicy: Delete, volumeBindingMode: Immediate}`)
	equals(t, read[flowcontrolv1.FlowSchema](t, `{}`), `{spec: {matchingPrecedence: 1000}}`)
	equals(t, read[flowcontrolv1.PriorityLevelConfiguration](t, `{spec: {type: Limited, limited: {limitResponse: {type: Queue, queuing: {queues: 8}}}}}`),
		`{spec: {type: Limited, limited: {nominalConcurrencyShares: 30, lendablePercent: 0, limitResponse: {type: Queue, queuing: {queues: 8, handSize: 8, queueLengthLimit: 50}}}}}`)
	equals(t, read[admissionv1.MutatingWebhookConfiguration](t, `{webhooks: [{name: w, rules: [{}], clientConfig: {service: {name: s}}}]}`),
		`{webhooks: [{name: w, rules: [{scope: "*"}], clientConfig: {service: {name: s, port: 443}}, failurePolicy: Fail, matchPolicy: Equivalent, namespaceSelector: {}, objectSelector: {}, timeoutSeconds: 10, reinvocationPolicy: Never}]}`)
	equals(t, read[autoscalingv2.HorizontalPodAutoscaler](t, `{spec: {behavior: {scaleDown: {policies: [{type: Pods, value: 1, periodSeconds: 1}]}}}}`), `
spec:
  minReplicas: 1
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]
  behavior:
    scaleUp: {stabilizationWindowSeconds: 0, selectPolicy: Max, policies: [{type: Pods, value: 4, periodSeconds: 15}, {type: Percent, value: 100, periodSeconds: 15}]}
    scaleDown: {selectPolicy: Max, policies: [{type: Pods, value: 1, periodSeconds: 1}]}
`)
}
