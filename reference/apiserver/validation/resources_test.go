package validation_test

import (
	"testing"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

func TestContainerResources(t *testing.T) {
	manifests(t, validation.Pod, [][2]string{
		{podWith(`resources: {limits: {cpu: 1, hugepages-2Mi: 4Mi}}`), ``},
		{podWith(`resources: {limits: {hugepages-2Mi: 4Mi}}`), `spec.containers[0].resources: Forbidden: HugePages require cpu or memory`},
		{podWith(`resources: {limits: {cpu: 1, hugepages-2Mi: 3Mi}}`),
			`[spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi, spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi]`},
		{podWith(`resources: {limits: {cpu: 1, hugepages-big: 2Mi}}`), `[spec.containers[0].resources.limits[hugepages-big]: Invalid value: "2Mi": 2Mi is not positive integer multiple of hugepages-big…`},
		{podWith(`resources: {limits: {cpu: 1, hugepages-2Mi: 4Mi}, requests: {hugepages-2Mi: 2Mi}}`),
			`spec.containers[0].resources.requests: Invalid value: "2Mi": must be equal to hugepages-2Mi limit of 4Mi`},
		{podWith(`resources: {limits: {example.com/gpu: 1500m}}`),
			`[spec.containers[0].resources.limits[example.com/gpu]: Invalid value: "1500m": must be an integer, spec.containers[0].resources.requests[example.com/gpu]: Invalid value: "1500m": must be an integer]`},
		{podWith(`resources: {limits: {pods: 1}}`), `[spec.containers[0].resources.limits[pods]: Invalid value: "pods": must be a standard resource for containers…`},
		{podWith(`resources: {limits: {requests.example.com/gpu: 1}}`),
			`[spec.containers[0].resources.limits[requests.example.com/gpu]: Invalid value: "requests.example.com/gpu": doesn't follow extended resource name standard…`},
		{podWith(`resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}, {resourceName: cpu, restartPolicy: NotRequired}]`),
			`spec.containers[0].resizePolicy[1]: Duplicate value: "cpu"`},
		{podWith(`resizePolicy: [{resourceName: hugepages-2Mi, restartPolicy: Perhaps}]`),
			`[spec.containers[0].resizePolicy: Unsupported value: "hugepages-2Mi": supported values: "cpu", "memory", spec.containers[0].resizePolicy: Unsupported value: "Perhaps": supported values: "NotRequired", "RestartContainer"]`},
	})
}

func TestResourceClaims(t *testing.T) {
	claims := func(spec, container string) string {
		return `{metadata: {name: web, namespace: default}, spec: {` + spec + `, containers: [{name: c, image: i, resources: {claims: [` + container + `]}}]}}`
	}
	const two = `resourceClaims: [{name: a, resourceClaimName: x}, {name: b, resourceClaimTemplateName: y}]`
	manifests(t, validation.Pod, [][2]string{
		{claims(two, `{name: a}, {name: b, request: r}, {name: b, request: s}`), ``},
		{claims(two, `{}`), `spec.containers[0].resources.claims[0]: Required value`},
		{claims(two, `{name: a}, {name: a, request: r}`), `spec.containers[0].resources.claims[1]: Duplicate value: "a"`},
		{claims(two, `{name: b, request: r}, {name: b, request: r}`), `spec.containers[0].resources.claims[1]: Duplicate value: "b/r"`},
		{claims(two, `{name: z}`), `spec.containers[0].resources.claims[0]: Not found: "z": must be one of the names in pod.spec.resourceClaims: a, b`},
		{claims(`hostname: h`, `{name: z}`), `spec.containers[0].resources.claims[0]: Not found: "z": must be one of the names in pod.spec.resourceClaims which is empty`},
		{podOf(`resourceClaims: [{name: a}]`), "spec.resourceClaims[0]: Invalid value: {\"name\":\"a\"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"},
		{podOf(`resourceClaims: [{name: a, resourceClaimName: x}, {name: a, resourceClaimName: y}]`), `spec.resourceClaims[1].name: Duplicate value: "a"`},
	})
}

func TestPodLevelResources(t *testing.T) {
	pod := func(ofPod, ofContainer string) string {
		return `{metadata: {name: web, namespace: default}, spec: {resources: {` + ofPod + `}, containers: [{name: c, image: i, resources: {` + ofContainer + `}}]}}`
	}
	manifests(t, validation.Pod, [][2]string{
		{pod(`requests: {cpu: 1}, limits: {cpu: 2}`, `requests: {cpu: 500m}`), ``},
		{pod(`requests: {cpu: 1}`, `requests: {cpu: 2}`),
			`spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2`},
		{pod(`limits: {memory: 1Gi}`, `limits: {memory: 2Gi}, requests: {memory: 1Mi}`),
			`spec.containers[0].resources.limits[memory]: Invalid value: "2Gi": must be less than or equal to pod limits of 1Gi`},
		{pod(`limits: {ephemeral-storage: 1Gi}`, ``),
			`spec.resources.limits[ephemeral-storage]: Unsupported value: "ephemeral-storage": supported values: "cpu", "hugepages-", "memory"`},
		{pod(`requests: {cpu: 2}, limits: {cpu: 1}`, ``), `spec.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1`},
		{pod(`claims: [{name: a}]`, ``), `spec.resources.claims: Forbidden: claims may not be set for Resources at pod-level`},
	})
}

func TestPodMisc(t *testing.T) {
	manifests(t, validation.Pod, [][2]string{
		{`{metadata: {name: web, namespace: default, annotations: {controller.kubernetes.io/pod-deletion-cost: "-10"}}, spec: {containers: [{name: c, image: i}]}}`, ``},
		{`{metadata: {name: web, namespace: default, annotations: {controller.kubernetes.io/pod-deletion-cost: "+10"}}, spec: {containers: [{name: c, image: i}]}}`,
			`metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: "+10": must be a 32bit integer`},
		{podWith(`env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a.env, key: A}}}]`),
			`spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Not found: "v"`},
		{`{metadata: {name: web, namespace: default}, spec: {volumes: [{name: v, secret: {secretName: s}}], containers: [{name: c, image: i, env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a.env, key: A}}}]}]}}`,
			`spec.containers[0].env[0].valueFrom.fileKeyRef.volumeName: Invalid value: "v": referenced volume must be of type emptyDir`},
		{`{metadata: {name: web, namespace: default}, spec: {volumes: [{name: v}], containers: [{name: c, image: i, env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: ../a.env, key: A}}}]}]}}`,
			`spec.containers[0].env[0].valueFrom.fileKeyRef.path: Invalid value: "../a.env": must not contain '..'`},
		{`{metadata: {name: web, namespace: default}, spec: {volumes: [{name: v}], containers: [{name: c, image: i, env: [{name: A, valueFrom: {fileKeyRef: {volumeName: v, path: a.env, key: A}}}]}]}}`, ``},
	})
}
