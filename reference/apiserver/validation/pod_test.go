package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const pod = `
metadata: {name: web, namespace: default}
spec:
  containers:
  - name: web
    image: etalon.dev/tool:v1
    ports: [{containerPort: 80, name: http}]
`

func TestPod(t *testing.T) {
	one := func(f func(*corev1.Container)) func(*corev1.Pod) {
		return func(p *corev1.Pod) { f(&p.Spec.Containers[0]) }
	}
	table(t, pod, validation.Pod, []row[corev1.Pod]{
		{"name", func(p *corev1.Pod) { p.Name = "A" },
			`metadata.name: Invalid value: "A": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')`},
		{"no containers", func(p *corev1.Pod) { p.Spec.Containers = nil }, `spec.containers: Required value`},
		{"no container name", one(func(c *corev1.Container) { c.Name = "" }), `spec.containers[0].name: Required value`},
		{"no image", one(func(c *corev1.Container) { c.Image = "" }), `spec.containers[0].image: Required value`},
		{"padded image", one(func(c *corev1.Container) { c.Image = " a" }),
			`spec.containers[0].image: Invalid value: " a": must not have leading or trailing whitespace`},
		{"name twice", func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, p.Spec.Containers[0]) },
			`spec.containers[1].name: Duplicate value: "web"`},
		{"pull policy", one(func(c *corev1.Container) { c.ImagePullPolicy = "Sometimes" }),
			`spec.containers[0].imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", "IfNotPresent", "Never"`},
		{"port 0", one(func(c *corev1.Container) { c.Ports[0].ContainerPort = 0 }), `spec.containers[0].ports[0].containerPort: Required value`},
		{"port range", one(func(c *corev1.Container) { c.Ports[0].ContainerPort = 65536 }),
			`spec.containers[0].ports[0].containerPort: Invalid value: 65536: must be between 1 and 65535, inclusive`},
		{"port name", one(func(c *corev1.Container) { c.Ports[0].Name = "this-is-far-too-long" }),
			`spec.containers[0].ports[0].name: Invalid value: "this-is-far-too-long": must be no more than 15 characters`},
		{"port name twice", one(func(c *corev1.Container) { c.Ports = append(c.Ports, c.Ports[0]) }),
			`spec.containers[0].ports[1].name: Duplicate value: "http"`},
		{"protocol", one(func(c *corev1.Container) { c.Ports[0].Protocol = "ICMP" }),
			`spec.containers[0].ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP"`},
		{"host port twice", one(func(c *corev1.Container) {
			c.Ports = []corev1.ContainerPort{{ContainerPort: 80, HostPort: 80, Protocol: "TCP"}, {ContainerPort: 81, HostPort: 80, Protocol: "TCP"}}
		}), `spec.containers[0].ports[1].hostPort: Duplicate value: "TCP//80"`},
		{"host network", func(p *corev1.Pod) { p.Spec.HostNetwork = true; p.Spec.Containers[0].Ports[0].HostPort = 81 },
			"spec.containers[0].ports[0].hostPort: Invalid value: 81: must match `containerPort` when `hostNetwork` is true"},
		{"env name", one(func(c *corev1.Container) { c.Env = []corev1.EnvVar{{Name: ""}} }), `spec.containers[0].env[0].name: Required value`},
		{"env name with =", one(func(c *corev1.Container) { c.Env = []corev1.EnvVar{{Name: "a=b"}} }),
			`spec.containers[0].env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable ASCII characters other than '='`},
		{"env value and source", one(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "a", Value: "b", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.name"}}}}
		}), "spec.containers[0].env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty"},
		{"env field", one(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "a", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.whoops"}}}}
		}), `spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.whoops": error converting fieldPath: field label not supported: metadata.whoops`},
		{"env field of a label", one(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "a", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{APIVersion: "v1", FieldPath: "metadata.labels['a']"}}}}
		}), ``},
		{"env key", one(func(c *corev1.Container) {
			c.Env = []corev1.EnvVar{{Name: "a", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{Key: "k"}}}}
		}), `spec.containers[0].env[0].valueFrom.secretKeyRef.name: Required value`},
		{"envFrom", one(func(c *corev1.Container) { c.EnvFrom = []corev1.EnvFromSource{{}} }),
			"spec.containers[0].envFrom: Invalid value: \"\": must specify one of: `configMapRef` or `secretRef`"},
		{"mount of nothing", one(func(c *corev1.Container) { c.VolumeMounts = []corev1.VolumeMount{{Name: "data", MountPath: "/data"}} }),
			`spec.containers[0].volumeMounts[0].name: Not found: "data"`},
		{"mount twice", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "a", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
			p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "a", MountPath: "/x"}, {Name: "a", MountPath: "/x"}}
		}, `spec.containers[0].volumeMounts[1].mountPath: Invalid value: "/x": must be unique`},
		{"volume twice", func(p *corev1.Pod) {
			v := corev1.Volume{Name: "a", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}
			p.Spec.Volumes = []corev1.Volume{v, v}
		}, `spec.volumes[1].name: Duplicate value: "a"`},
		{"volume of two types", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "a", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{},
				Secret: &corev1.SecretVolumeSource{SecretName: "s"}}}}
		}, `spec.volumes[0].secret: Forbidden: may not specify more than 1 volume type`},
		{"secret volume", func(p *corev1.Pod) {
			p.Spec.Volumes = []corev1.Volume{{Name: "a", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{DefaultMode: ptr[int32](0o1000)}}}}
		}, `[spec.volumes[0].secret.secretName: Required value, spec.volumes[0].secret.defaultMode: Invalid value: 512: must be a number between 0 and 0777 (octal), both inclusive]`},
		{"request over limit", one(func(c *corev1.Container) {
			c.Resources.Requests = corev1.ResourceList{"cpu": resource.MustParse("2")}
			c.Resources.Limits = corev1.ResourceList{"cpu": resource.MustParse("1")}
		}), `spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`},
		{"unknown resource", one(func(c *corev1.Container) {
			c.Resources.Limits = corev1.ResourceList{"foo": resource.MustParse("1")}
		}), `[spec.containers[0].resources.limits[foo]: Invalid value: "foo": must be a standard resource type or fully qualified, spec.containers[0].resources.limits[foo]: Invalid value: "foo": must be a standard resource for containers]`},
		{"negative resource", one(func(c *corev1.Container) {
			c.Resources.Limits = corev1.ResourceList{"memory": resource.MustParse("-1")}
		}), `spec.containers[0].resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0`},
		{"extended resource", one(func(c *corev1.Container) {
			c.Resources.Requests = corev1.ResourceList{"example.com/gpu": resource.MustParse("1")}
		}), `spec.containers[0].resources.limits: Required value: Limit must be set for non overcommitable resources`},
		{"probe without handler", one(func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{SuccessThreshold: 1, TimeoutSeconds: 1, PeriodSeconds: 1, FailureThreshold: 1}
		}), `spec.containers[0].livenessProbe: Required value: must specify a handler type`},
		{"liveness threshold", one(func(c *corev1.Container) {
			c.LivenessProbe = &corev1.Probe{SuccessThreshold: 2, ProbeHandler: corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(80)}}}
		}), `spec.containers[0].livenessProbe.successThreshold: Invalid value: 2: must be 1`},
		{"probe port", one(func(c *corev1.Container) {
			c.ReadinessProbe = &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Scheme: "HTTP"}}}
		}), `spec.containers[0].readinessProbe.httpGet.port: Invalid value: 0: must be between 1 and 65535, inclusive`},
		{"escalation", one(func(c *corev1.Container) {
			c.SecurityContext = &corev1.SecurityContext{Privileged: ptr(true), AllowPrivilegeEscalation: ptr(false)}
		}), "spec.containers[0].securityContext: Invalid value: {\"privileged\":true,\"allowPrivilegeEscalation\":false}: cannot set `allowPrivilegeEscalation` to false and `privileged` to true"},
		{"user", one(func(c *corev1.Container) { c.SecurityContext = &corev1.SecurityContext{RunAsUser: ptr[int64](-1)} }),
			`spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive`},
		{"restart policy", func(p *corev1.Pod) { p.Spec.RestartPolicy = "Maybe" },
			`spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"`},
		{"dns policy none", func(p *corev1.Pod) { p.Spec.DNSPolicy = corev1.DNSNone },
			"spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"},
		{"host alias", func(p *corev1.Pod) { p.Spec.HostAliases = []corev1.HostAlias{{IP: "1.2.3", Hostnames: []string{"a"}}} },
			`spec.hostAliases[0].ip: Invalid value: "1.2.3": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)`},
		{"toleration", func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: "Equal"}} },
			"spec.tolerations[0].operator: Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values and all keys\""},
		{"node affinity", func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "a", Operator: "In"}}}}}}}
		}, "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'"},
		{"pod affinity", func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{PodAffinity: &corev1.PodAffinity{PreferredDuringSchedulingIgnoredDuringExecution: []corev1.WeightedPodAffinityTerm{
				{Weight: 101, PodAffinityTerm: corev1.PodAffinityTerm{TopologyKey: "zone"}}}}}
		}, "spec.affinity.podAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].weight: Invalid value: 101: must be in the range 1-100"},
		{"spread", func(p *corev1.Pod) {
			p.Spec.TopologySpreadConstraints = []corev1.TopologySpreadConstraint{{MaxSkew: 0, TopologyKey: "zone", WhenUnsatisfiable: corev1.DoNotSchedule}}
		}, `spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero`},
		{"init container probe", func(p *corev1.Pod) {
			c := p.Spec.Containers[0].DeepCopy()
			c.Name, c.Lifecycle = "init", &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}}
			p.Spec.InitContainers = []corev1.Container{*c}
		}, `spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without restartPolicy=Always`},
		{"sidecar", func(p *corev1.Pod) {
			c := p.Spec.Containers[0].DeepCopy()
			c.Name, c.RestartPolicy = "side", ptr(corev1.ContainerRestartPolicyAlways)
			c.Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}}
			p.Spec.InitContainers = []corev1.Container{*c}
		}, ``},
		{"gate and node", func(p *corev1.Pod) {
			p.Spec.SchedulingGates, p.Spec.NodeName = []corev1.PodSchedulingGate{{Name: "a"}}, "node-1"
		}, `spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared`},
		{"ephemeral", func(p *corev1.Pod) {
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
				Name: "debug", Image: "a", ImagePullPolicy: "Always", TerminationMessagePolicy: "File"}}}
		}, `spec.ephemeralContainers: Forbidden: cannot be set on create`},
		{"deadline", func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr[int64](0) },
			`spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive`},
		{"hostname", func(p *corev1.Pod) { p.Spec.Hostname = "A" }, `spec.hostname: Invalid value: "A": a lowercase RFC 1123 label must consist of…`},
		{"sysctl", func(p *corev1.Pod) { p.Spec.SecurityContext.Sysctls = []corev1.Sysctl{{Name: ""}} },
			`spec.securityContext.sysctls[0].name: Required value`},
	})
}

func TestPodUpdate(t *testing.T) {
	updates(t, pod, validation.PodUpdate, []row[corev1.Pod]{
		{"image", func(p *corev1.Pod) { p.Spec.Containers[0].Image = "other:v2" }, ``},
		{"labels", func(p *corev1.Pod) { p.Labels = map[string]string{"a": "b"} }, ``},
		{"toleration added", func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: "Exists"}} }, ``},
		{"deadline set", func(p *corev1.Pod) { p.Spec.ActiveDeadlineSeconds = ptr[int64](5) }, ``},
		{"command", func(p *corev1.Pod) { p.Spec.Containers[0].Command = []string{"x"} },
			"spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n…"},
		{"container added", func(p *corev1.Pod) {
			p.Spec.Containers = append(p.Spec.Containers, p.Spec.Containers[0])
			p.Spec.Containers[1].Name = "more"
		}, `spec.containers: Forbidden: pod updates may not add or remove containers`},
		{"gate added", func(p *corev1.Pod) { p.Spec.SchedulingGates = []corev1.PodSchedulingGate{{Name: "a"}} },
			`spec.schedulingGates[0]: Forbidden: only deletion is allowed, but found new scheduling gate 'a'`},
		{"bound", func(p *corev1.Pod) { p.Spec.NodeName = "node-1" }, `spec: Forbidden: pod updates may not change fields other than …`},
	})
	tolerating := pod + "  tolerations: [{key: a, operator: Exists}]\n"
	updates(t, tolerating, validation.PodUpdate, []row[corev1.Pod]{
		{"toleration removed", func(p *corev1.Pod) { p.Spec.Tolerations = nil },
			`spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds`},
	})
	gated := pod + "  schedulingGates: [{name: a}]\n  nodeSelector: {a: b}\n"
	updates(t, gated, validation.PodUpdate, []row[corev1.Pod]{
		{"selector narrowed", func(p *corev1.Pod) { p.Spec.NodeSelector["c"] = "d" }, ``},
		{"selector widened", func(p *corev1.Pod) { p.Spec.NodeSelector = nil }, `spec.nodeSelector: Invalid value: null: only additions are allowed (no mutations or deletions)`},
		{"affinity added", func(p *corev1.Pod) {
			p.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{
				NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: "a", Operator: "Exists"}}}}}}}
		}, ``},
		{"gate removed", func(p *corev1.Pod) { p.Spec.SchedulingGates = nil }, ``},
	})
}

func TestPodStatusUpdate(t *testing.T) {
	once := pod + `  restartPolicy: Never
status:
  qosClass: BestEffort
  containerStatuses: [{name: web, state: {terminated: {exitCode: 0}}}]
`
	updates(t, once, validation.PodStatusUpdate, []row[corev1.Pod]{
		{"phase", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }, ``},
		{"resurrected", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.Now()}}
		}, `status.containerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state`},
		{"node", func(p *corev1.Pod) { p.Spec.NodeName = "node-2" }, `status.nodeName: Forbidden: may not be changed directly`},
		{"two addresses of a family", func(p *corev1.Pod) { p.Status.PodIPs = []corev1.PodIP{{IP: "1.1.1.1"}, {IP: "1.1.1.2"}} },
			`status.podIPs: Invalid value: ["1.1.1.1","1.1.1.2"]: may specify no more than one IP for each IP family`},
		{"qos", func(p *corev1.Pod) { p.Status.QOSClass = "Guaranteed" }, `status.qosClass: Invalid value: "Guaranteed": field is immutable`},
	})
	updates(t, `{metadata: {name: p, namespace: ns}, spec: {restartPolicy: Never, containers: [{name: web, restartPolicyRules: [{action: RestartAllContainers}]}, {name: beside}]},
status: {containerStatuses: [{name: beside, state: {terminated: {exitCode: 0}}}]}}`, validation.PodStatusUpdate, []row[corev1.Pod]{
		{"restarted with all", func(p *corev1.Pod) {
			p.Status.ContainerStatuses[0].State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}
		}, ``},
	})
}

func TestPodSubresources(t *testing.T) {
	debugger := corev1.EphemeralContainer{EphemeralContainerCommon: corev1.EphemeralContainerCommon{
		Name: "debug", Image: "a", ImagePullPolicy: "Always", TerminationMessagePolicy: "File"}}
	updates(t, pod, validation.PodEphemeralContainersUpdate, []row[corev1.Pod]{
		{"added", func(p *corev1.Pod) { p.Spec.EphemeralContainers = []corev1.EphemeralContainer{debugger} }, ``},
		{"unknown target", func(p *corev1.Pod) {
			d := debugger
			d.TargetContainerName = "nobody"
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{d}
		}, `spec.ephemeralContainers[0].targetContainerName: Not found: "nobody"`},
		{"with ports", func(p *corev1.Pod) {
			d := debugger
			d.Ports = []corev1.ContainerPort{{ContainerPort: 1, Protocol: "TCP"}}
			p.Spec.EphemeralContainers = []corev1.EphemeralContainer{d}
		}, `spec.ephemeralContainers[0].ports: Forbidden: cannot be set for an Ephemeral Container`},
	})
}
