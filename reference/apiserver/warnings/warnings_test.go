package warnings_test

import (
	"slices"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/etalon-dev/etalon/reference/apiserver/warnings"
)

func read[T any](t *testing.T, manifest string) *T {
	t.Helper()
	o := new(T)
	if err := yaml.UnmarshalStrict([]byte(manifest), o); err != nil {
		t.Fatal(err)
	}
	return o
}

// check wants exactly the warnings in want, one a line, of a new object.
func check[T any](t *testing.T, warn func(o, old *T) []string, manifest, want string) {
	t.Helper()
	got := warn(read[T](t, manifest), nil)
	var wanted []string
	for _, line := range strings.Split(want, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			wanted = append(wanted, line)
		}
	}
	if !slices.Equal(got, wanted) {
		t.Errorf("%s\nwanted\n  %s\ngot\n  %s", manifest, strings.Join(wanted, "\n  "), strings.Join(got, "\n  "))
	}
}

func TestPod(t *testing.T) {
	for manifest, want := range map[string]string{
		`{metadata: {name: web}, spec: {containers: [{name: a, ports: [{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: UDP}]}]}}`: ``,
		`{metadata: {name: web.1}}`: `metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`,
		`{metadata: {name: a}, spec: {nodeSelector: {beta.kubernetes.io/os: linux, failure-domain.beta.kubernetes.io/zone: z}}}`: `
			spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead
			spec.nodeSelector[failure-domain.beta.kubernetes.io/zone]: deprecated since v1.17; use "topology.kubernetes.io/zone" instead`,
		`{metadata: {name: a}, spec: {affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [
			{matchExpressions: [{key: a, operator: Exists}, {key: beta.kubernetes.io/arch, operator: Exists}]}]},
			preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: {matchExpressions: [{key: beta.kubernetes.io/instance-type, operator: Exists}]}}]}}}}`: `
			spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[1].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead
			spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].preference.matchExpressions[0].key: beta.kubernetes.io/instance-type is deprecated since v1.17; use "node.kubernetes.io/instance-type" instead`,
		`{metadata: {name: a}, spec: {affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: z}]},
			podAntiAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, podAffinityTerm: {topologyKey: z}}]}}}}`: `
			spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod
			spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod`,
		`{metadata: {name: a}, spec: {topologySpreadConstraints: [{topologyKey: failure-domain.beta.kubernetes.io/region, maxSkew: 1}]}}`: `
			spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/region is deprecated since v1.17; use "topology.kubernetes.io/region" instead
			spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod`,
		`{metadata: {name: a, annotations: {scheduler.alpha.kubernetes.io/critical-pod: "", container.apparmor.security.beta.kubernetes.io/c: unconfined}}}`: `
			metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead
			metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead`,
		`{metadata: {name: a}, spec: {hostAliases: [{ip: 1.1.1.1}, {ip: 1.1.1.1}], imagePullSecrets: [{name: a}, {name: a}, {}]}}`: `
			spec.hostAliases[1].ip: duplicate ip "1.1.1.1"
			spec.imagePullSecrets[1].name: duplicate name "a"
			spec.imagePullSecrets[2].name: invalid empty name ""`,
		`{metadata: {name: a}, spec: {volumes: [{name: v, gitRepo: {repository: r}}, {name: e, ephemeral: {volumeClaimTemplate: {spec: {resources: {requests: {storage: 200m}}}}}}]}}`: `
			spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+
			spec.volumes[1].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "200m" is invalid, must be an integer`,
		`{metadata: {name: a}, spec: {terminationGracePeriodSeconds: -1}}`: `spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`,
		`{metadata: {name: a}, spec: {containers: [{name: c, resources: {limits: {memory: 100m, cpu: 100m}, requests: {ephemeral-storage: 1500m}}}]}}`: `
			spec.containers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer
			spec.containers[0].resources.requests[ephemeral-storage]: fractional byte value "1500m" is invalid, must be an integer`,
		`{metadata: {name: a}, spec: {initContainers: [{name: i, env: [{name: A, value: x}, {name: A, value: y}]}], containers: [{name: c, env: [{name: A, value: x}, {name: A, value: "$(A):y"}]}]}}`: `
			spec.initContainers[0].env[1]: hides previous definition of "A", which may be dropped when using apply`,
		`{metadata: {name: a}, spec: {containers: [{name: c, ports: [{containerPort: 80, protocol: TCP}, {containerPort: 80, protocol: TCP}]}, {name: d, ports: [{containerPort: 80, protocol: TCP}]}]}}`: `
			spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]`,
		`{metadata: {name: a}, spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}, {name: d, ports: [{name: http, containerPort: 81}]}]}}`: `
			spec.containers[1].ports[0]: duplicate port name "http" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]`,
		`{metadata: {name: a}, spec: {dnsConfig: {nameservers: ["fd00::0:1"]}}}`: `spec.dnsConfig.nameservers[0]: IPv6 address "fd00::0:1" should be in RFC 5952 canonical format ("fd00::1")`,
	} {
		check(t, warnings.Pod, manifest, want)
	}
	bad := read[corev1.Pod](t, `{metadata: {name: a.b}}`)
	if w := warnings.Pod(bad, bad); w != nil {
		t.Errorf("warned of a replaced pod: %q", w)
	}
}

func TestWorkloads(t *testing.T) {
	const spec = `, spec: {template: {metadata: {annotations: {security.alpha.kubernetes.io/sysctls: a=b}}, spec: {nodeSelector: {beta.kubernetes.io/os: linux}}}}}`
	const want = `
		spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead
		spec.template.metadata.annotations[security.alpha.kubernetes.io/sysctls]: non-functional in v1.11+; use the "sysctls" field instead`
	const name = `metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]`
	check(t, warnings.Deployment, `{metadata: {name: a.b}`+spec, name+want)
	check(t, warnings.ReplicaSet, `{metadata: {name: a.b}`+spec, name+want)
	check(t, warnings.ReplicationController, `{metadata: {name: a.b}`+spec, name+want)
	check(t, warnings.StatefulSet, `{metadata: {name: a.b}`+spec, name+want)
	check(t, warnings.Job, `{metadata: {name: a.b}`+spec, name+want)
	check(t, warnings.DaemonSet, `{metadata: {name: a.b}`+spec, want)
	check(t, warnings.ReplicationController, `{metadata: {name: a}}`, ``)
	check(t, warnings.PodTemplate, `{metadata: {name: a.b}, template: {spec: {nodeSelector: {beta.kubernetes.io/os: linux}}}}`,
		`template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`)
	check(t, warnings.CronJobTemplate, `{metadata: {name: a}, spec: {jobTemplate: {spec: {template: {spec: {nodeSelector: {beta.kubernetes.io/os: linux}}}}}}}`,
		`spec.jobTemplate.spec.template.spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead`)
	check(t, warnings.StatefulSet, `{metadata: {name: a}, spec: {volumeClaimTemplates: [{spec: {resources: {requests: {storage: 1m}}}}]}}`,
		`spec.volumeClaimTemplates[0].spec.resources.requests[storage]: fractional byte value "1m" is invalid, must be an integer`)
}

// A workload whose spec stays is not judged again: its status is written all the time.
func TestUnchangedWorkloads(t *testing.T) {
	d := read[appsv1.Deployment](t, `{metadata: {name: a.b, generation: 1}, spec: {template: {spec: {nodeSelector: {beta.kubernetes.io/os: linux}}}}}`)
	if w := warnings.Deployment(d, d); w != nil {
		t.Errorf("unchanged: %q", w)
	}
	changed := d.DeepCopy()
	changed.Generation = 2
	if w := warnings.Deployment(changed, d); len(w) != 1 {
		t.Errorf("wanted one of the template and none of the name, got %q", w)
	}
	c := read[batchv1.CronJob](t, `{metadata: {name: a}, spec: {jobTemplate: {spec: {template: {spec: {nodeSelector: {beta.kubernetes.io/os: linux}}}}}}}`)
	if w := warnings.CronJobTemplate(c, c); w != nil {
		t.Errorf("unchanged: %q", w)
	}
}

func TestNetwork(t *testing.T) {
	check(t, warnings.Service, `{spec: {type: ClusterIP, clusterIP: None, clusterIPs: [None], sessionAffinity: ClientIP, loadBalancerIP: 1.1.1.1, externalIPs: [1.1.1.1]}}`, `
		spec.loadBalancerIP is ignored when spec.clusterIP is set to "None"
		spec.externalIPs is ignored when spec.clusterIP is set to "None"
		spec.SessionAffinity is ignored for headless services`)
	check(t, warnings.Service, `{spec: {type: ExternalName, externalName: a, externalIPs: ["fd00:0::1"]}}`, `
		spec.externalIPs[0]: IPv6 address "fd00:0::1" should be in RFC 5952 canonical format ("fd00::1")
		spec.externalIPs is ignored when spec.type is "ExternalName"`)
	check(t, warnings.Service, `{spec: {type: LoadBalancer, clusterIP: 10.0.0.1, clusterIPs: [10.0.0.1], sessionAffinity: None, loadBalancerSourceRanges: [10.0.0.1/8]}}`,
		`spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.1/8" is ambiguous in this context (should be "10.0.0.0/8" or "10.0.0.1/32"?)`)
	check(t, warnings.Endpoints, `{subsets: [{addresses: [{ip: "fd00::0"}], notReadyAddresses: [{ip: 10.0.0.1}]}]}`,
		`subsets[0].addresses[0].ip: IPv6 address "fd00::0" should be in RFC 5952 canonical format ("fd00::")`)
	check(t, warnings.Node, `{spec: {podCIDRs: [10.0.0.0/8], externalID: x}}`, `spec.externalID: this field is deprecated, and is unused by Kubernetes`)
}

func TestStorage(t *testing.T) {
	check(t, warnings.PersistentVolume, `
metadata: {name: v, annotations: {volume.beta.kubernetes.io/storage-class: fast}}
spec:
  persistentVolumeReclaimPolicy: Recycle
  rbd: {monitors: [a], image: i}
  nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: [{key: failure-domain.beta.kubernetes.io/zone, operator: In, values: [-a]}]}]}}
`, `
		metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead
		spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning.
		spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead
		spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].values[0]: -a is invalid, a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')
		spec.rbd: deprecated in v1.28, non-functional in v1.31+`)
	check(t, warnings.PersistentVolumeClaim, `{metadata: {annotations: {volume.beta.kubernetes.io/storage-class: fast}}, spec: {resources: {requests: {storage: 1500m}}}}`, `
		metadata.annotations[volume.beta.kubernetes.io/storage-class]: deprecated since v1.8; use "storageClassName" attribute instead
		spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer`)
}

func TestIdentity(t *testing.T) {
	check(t, warnings.Secret, `{type: kubernetes.io/tls, data: {tls.crt: "", tls.key: ""}}`, `tls: failed to find any PEM data in certificate input`)
	check(t, warnings.Secret, `{type: Opaque}`, ``)
	const annotated = `{metadata: {annotations: {kubernetes.io/enforce-mountable-secrets: "true"}}}`
	check(t, warnings.ServiceAccount, annotated,
		`metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets`)
	s := read[corev1.ServiceAccount](t, annotated)
	if w := warnings.ServiceAccount(s, s); w != nil {
		t.Errorf("warned of an annotation that was there: %q", w)
	}
}
