package defaults

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

func TestPullPolicy(t *testing.T) {
	const digest = "@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	for image, want := range map[string]corev1.PullPolicy{
		"nginx":                      corev1.PullAlways,
		"nginx:latest":               corev1.PullAlways,
		"nginx:1.27":                 corev1.PullIfNotPresent,
		"localhost:5000/nginx":       corev1.PullAlways,
		"localhost:5000/nginx:1":     corev1.PullIfNotPresent,
		"nginx" + digest:             corev1.PullIfNotPresent,
		"nginx:latest" + digest:      corev1.PullAlways,
		"etalon.dev/tool:v1":         corev1.PullIfNotPresent,
		"":                           corev1.PullIfNotPresent,
		"Not A Name":                 corev1.PullIfNotPresent,
		"registry.k8s.io/pause:3.10": corev1.PullIfNotPresent,
	} {
		if got := pullPolicy(image); got != want {
			t.Errorf("%q: wanted %s, got %s", image, want, got)
		}
	}
}

func TestPod(t *testing.T) {
	equals(t, read[corev1.Pod](t, `
spec:
  serviceAccount: robot
  hostNetwork: true
  containers:
  - name: a
    image: etalon.dev/tool:v1
    ports: [{containerPort: 80}]
    resources: {limits: {cpu: 1, memory: 1Mi}, requests: {cpu: 500m}}
    env: [{name: e, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]
    livenessProbe: {httpGet: {port: 80}}
    readinessProbe: {grpc: {port: 80}}
    lifecycle: {preStop: {httpGet: {port: 80}}}
  volumes:
  - name: empty
  - name: secret
    secret: {secretName: s}
  - name: host
    hostPath: {path: /x}
  - name: projected
    projected: {sources: [{serviceAccountToken: {path: token}}, {downwardAPI: {items: [{path: "n", fieldRef: {fieldPath: metadata.name}}]}}]}
status: {podIPs: [{ip: 10.244.1.2}], hostIP: 10.89.0.11}
`), `
metadata: {}
spec:
  containers:
  - env:
    - name: e
      valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}
    image: etalon.dev/tool:v1
    imagePullPolicy: IfNotPresent
    lifecycle: {preStop: {httpGet: {path: /, port: 80, scheme: HTTP}}}
    livenessProbe: {failureThreshold: 3, httpGet: {path: /, port: 80, scheme: HTTP}, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
    name: a
    ports: [{containerPort: 80, hostPort: 80, protocol: TCP}]
    readinessProbe: {failureThreshold: 3, grpc: {port: 80, service: ""}, periodSeconds: 10, successThreshold: 1, timeoutSeconds: 1}
    resources: {limits: {cpu: "1", memory: 1Mi}, requests: {cpu: 500m, memory: 1Mi}}
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: File
  dnsPolicy: ClusterFirst
  enableServiceLinks: true
  hostNetwork: true
  restartPolicy: Always
  schedulerName: default-scheduler
  securityContext: {}
  serviceAccount: robot
  serviceAccountName: robot
  terminationGracePeriodSeconds: 30
  volumes:
  - emptyDir: {}
    name: empty
  - name: secret
    secret: {defaultMode: 420, secretName: s}
  - hostPath: {path: /x, type: ""}
    name: host
  - name: projected
    projected:
      defaultMode: 420
      sources:
      - serviceAccountToken: {expirationSeconds: 3600, path: token}
      - downwardAPI: {items: [{fieldRef: {apiVersion: v1, fieldPath: metadata.name}, path: "n"}]}
status:
  hostIP: 10.89.0.11
  hostIPs: [{ip: 10.89.0.11}]
  podIP: 10.244.1.2
  podIPs: [{ip: 10.244.1.2}]
`)
}

// A template is left as it was written where only a pod needs a value.
func TestTemplateIsNotAPod(t *testing.T) {
	template := read[corev1.PodTemplate](t, `
template: {spec: {hostNetwork: true, containers: [{name: a, image: a, ports: [{containerPort: 80}], resources: {limits: {cpu: 1}}}]}}
`)
	spec := template.Template.Spec
	if spec.EnableServiceLinks != nil || spec.Containers[0].Ports[0].HostPort != 0 || spec.Containers[0].Resources.Requests != nil {
		t.Errorf("a template got what only a pod gets: %+v", spec)
	}
}

func TestPodLevelRequests(t *testing.T) {
	p := read[corev1.Pod](t, `
spec:
  resources: {limits: {cpu: 2, memory: 1Gi}}
  containers: [{name: a, image: a, resources: {requests: {cpu: 100m}}}, {name: b, image: a, resources: {requests: {cpu: 200m}}}]
`)
	cpu, memory := p.Spec.Resources.Requests[corev1.ResourceCPU], p.Spec.Resources.Requests[corev1.ResourceMemory]
	if cpu.Cmp(resource.MustParse("300m")) != 0 || memory.Cmp(resource.MustParse("1Gi")) != 0 {
		t.Errorf("wanted the sum of the containers' CPU and the limit of memory, got %v", p.Spec.Resources.Requests)
	}
}

// Who knows only podIP still has the last word.
func TestAddressesDiffer(t *testing.T) {
	p := read[corev1.Pod](t, `{status: {podIP: 1.1.1.1, podIPs: [{ip: 2.2.2.2}, {ip: "fd00::1"}]}}`)
	if len(p.Status.PodIPs) != 1 || p.Status.PodIPs[0].IP != "1.1.1.1" {
		t.Errorf("wanted podIPs to follow podIP, got %v", p.Status.PodIPs)
	}
}
