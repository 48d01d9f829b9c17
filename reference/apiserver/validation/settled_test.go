package validation_test

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

const appArmorKey = "container.apparmor.security.beta.kubernetes.io/"

func annotated(value, spec string) string {
	return "{metadata: {name: web, namespace: default, annotations: {" + appArmorKey + "c: " + value + "}}, spec: {" + spec + " containers: [{name: c, image: i}]}}"
}

func TestAppArmorAnnotations(t *testing.T) {
	const at = "metadata.annotations[" + appArmorKey
	const typ = `spec.containers[0].securityContext.appArmorProfile.type: Forbidden: apparmor type in annotation and field must match`
	manifests(t, validation.Pod, [][2]string{
		{annotated("localhost/p", ``), ``},
		{annotated("odd", ``), at + `c]: Invalid value: "odd": invalid AppArmor profile name: "odd"`},
		{"{metadata: {name: web, namespace: default, annotations: {" + appArmorKey + "d: unconfined}}, spec: {containers: [{name: c, image: i}]}}",
			at + `d]: Invalid value: "d": container not found`},
		{annotated("unconfined", `securityContext: {appArmorProfile: {type: Unconfined}},`), ``},
		{annotated("runtime/default", `securityContext: {appArmorProfile: {type: Unconfined}},`), typ},
		{annotated("unconfined", `securityContext: {appArmorProfile: {type: RuntimeDefault}},`), typ},
		{annotated("unconfined", `securityContext: {appArmorProfile: {type: Localhost, localhostProfile: p}},`), typ},
		{annotated("localhost/p", `securityContext: {appArmorProfile: {type: Localhost, localhostProfile: p}},`), ``},
		{annotated("localhost/q", `securityContext: {appArmorProfile: {type: Localhost, localhostProfile: p}},`),
			`spec.containers[0].securityContext.appArmorProfile.localhostProfile: Forbidden: apparmor profile in annotation and field must match`},
	})
	updates(t, annotated("localhost/p", ``), validation.PodUpdate, []row[corev1.Pod]{
		{"removed", func(p *corev1.Pod) { p.Annotations = nil }, at + `c]: Forbidden: may not remove or update AppArmor annotations`},
		{"replaced", func(p *corev1.Pod) { p.Annotations[appArmorKey+"c"] = "unconfined" },
			at + `c]: Forbidden: may not remove or update AppArmor annotations`},
		{"mirror", func(p *corev1.Pod) { p.Annotations[corev1.MirrorPodAnnotationKey] = "x" },
			`[metadata.annotations[kubernetes.io/config.mirror]: Invalid value: "": must set spec.nodeName if mirror pod annotation is set, metadata.annotations[kubernetes.io/config.mirror]: Forbidden: may not add mirror pod annotation]`},
	})
	updates(t, podOf(`hostNetwork: false`), validation.PodUpdate, []row[corev1.Pod]{
		{"added", func(p *corev1.Pod) { p.Annotations = map[string]string{appArmorKey + "c": "unconfined"} },
			at + `c]: Forbidden: may not add AppArmor annotations`},
	})
}

func TestLabelKeysAndSelectors(t *testing.T) {
	const at = `spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0]`
	pod := func(selector string) string {
		return podOf(`affinity: {podAffinity: {requiredDuringSchedulingIgnoredDuringExecution: [{topologyKey: zone, matchLabelKeys: [a], mismatchLabelKeys: [b], labelSelector: {` + selector + `}}]}}`)
	}
	spread := func(selector string) string {
		return `topologySpreadConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, matchLabelKeys: [a], labelSelector: {` + selector + `}}]`
	}
	const resolved = `{key: a, operator: In, values: [x]}`
	const twice = `spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector`
	manifests(t, validation.Pod, [][2]string{
		{pod(`matchLabels: {c: d}, matchExpressions: [` + resolved + `, {key: b, operator: NotIn, values: [y]}]`), ``},
		{pod(`matchLabels: {a: x}, matchExpressions: [` + resolved + `]`), at + `[0]: Invalid value: "a": exists in both matchLabelKeys and labelSelector`},
		{pod(`matchExpressions: [{key: b, operator: Exists}, {key: b, operator: NotIn, values: [y]}]`),
			at + `[1]: Invalid value: "b": exists in both matchLabelKeys and labelSelector`},
		{podOf(spread(`matchExpressions: [` + resolved + `]`)), ``},
		{podOf(spread(`matchLabels: {a: x}, matchExpressions: [` + resolved + `]`)), twice},
	})
	template := func(selector string) string {
		return `{metadata: {name: t, namespace: default}, template: {spec: {` + spread(selector) + `, containers: [{name: c, image: i}]}}}`
	}
	manifests(t, validation.PodTemplate, [][2]string{
		{template(`matchLabels: {c: d}`), ``},
		{template(`matchLabels: {a: x}`), `template.` + twice},
		{template(`matchExpressions: [` + resolved + `]`), `template.` + twice},
	})
}

func TestProjectedSources(t *testing.T) {
	projected := func(sources string) string {
		return podOf(`volumes: [{name: v, projected: {sources: [` + sources + `]}}]`)
	}
	manifests(t, validation.Pod, [][2]string{
		{projected(`{secret: {name: s}, configMap: {name: c}}`),
			`spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source`},
		{projected(`{secret: {name: s, items: [{key: k, path: p}]}}, {configMap: {name: c, items: [{key: k, path: p}]}}`),
			`spec.volumes[0].projected: Invalid value: "c": conflicting duplicate paths`},
		{projected(`{secret: {name: s, items: [{key: k, path: p}]}}, {serviceAccountToken: {path: p}}`),
			`spec.volumes[0].projected: Invalid value: "p": conflicting duplicate paths`},
		{projected(`{clusterTrustBundle: {path: p, name: ""}}`),
			`spec.volumes[0].projected.sources[0].clusterTrustBundle.name: Required value: must be a valid object name`},
		{projected(`{clusterTrustBundle: {path: p, name: a, labelSelector: {}}}`),
			`spec.volumes[0].projected.sources[0].clusterTrustBundle.labelSelector: Invalid value: {}: labelSelector must be unset if name is specified`},
		{projected(`{clusterTrustBundle: {path: p, signerName: ""}}`),
			`spec.volumes[0].projected.sources[0].clusterTrustBundle.signerName: Required value: must be a valid signer name`},
		{projected(`{clusterTrustBundle: {path: p}}`),
			`spec.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must be specified`},
	})
}

func TestSettledStatuses(t *testing.T) {
	updates(t, `{metadata: {name: p, namespace: ns}, spec: {resourceClaims: [{name: gpu, resourceClaimName: c}]}, status: {
ephemeralContainerStatuses: [{name: d, state: {terminated: {exitCode: 1}}}], resourceClaimStatuses: [{name: gpu, resourceClaimName: c}]}}`,
		validation.PodStatusUpdate, []row[corev1.Pod]{
			{"revived", func(p *corev1.Pod) {
				p.Status.EphemeralContainerStatuses[0].State = corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
			}, `status.ephemeralContainerStatuses[0].state: Forbidden: may not be transitioned to non-terminated state`},
			{"unknown claim", func(p *corev1.Pod) { p.Status.ResourceClaimStatuses[0].Name = "nic" },
				"status.resourceClaimStatuses[0].name: Invalid value: \"nic\": must match the name of an entry in `spec.resourceClaims`"},
			{"twice", func(p *corev1.Pod) {
				p.Status.ResourceClaimStatuses = append(p.Status.ResourceClaimStatuses, p.Status.ResourceClaimStatuses[0])
			}, `status.resourceClaimStatuses[1].name: Duplicate value: "gpu"`},
			{"no name", func(p *corev1.Pod) { p.Status.ResourceClaimStatuses[0].ResourceClaimName = ptr("-") },
				`status.resourceClaimStatuses[0].name: Invalid value: "-": a lowercase RFC 1123 subdomain must consist of…`},
		})
}
