package warnings

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Pod warns of a new pod, and never of a replaced one: mostly machines write those.
func Pod(pod, old *corev1.Pod) []string {
	if old != nil {
		return nil
	}
	var out []string
	if bad := validation.IsDNS1123Label(pod.Name); len(bad) > 0 {
		out = append(out, fmt.Sprintf("metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: %v", bad))
	}
	return append(out, podSpecAndMeta(nil, &pod.Spec, &pod.ObjectMeta)...)
}

// PodTemplateSpec warns of a template that is at p in its object.
func PodTemplateSpec(p *field.Path, t *corev1.PodTemplateSpec) []string {
	return podSpecAndMeta(p, &t.Spec, &t.ObjectMeta)
}

// podSpecAndMeta warns of a pod or a template; p is nil for a pod.
func podSpecAndMeta(p *field.Path, s *corev1.PodSpec, m *metav1.ObjectMeta) []string {
	spec := p.Child("spec")
	out := scheduling(spec, s)
	out = append(out, podAnnotations(p, m.Annotations)...)
	out = append(out, podVolumes(spec.Child("volumes"), s.Volumes)...)
	out = append(out, duplicates(spec, s)...)
	out = append(out, wholeBytes(spec.Child("overhead"), s.Overhead, corev1.ResourceMemory, corev1.ResourceEphemeralStorage)...)
	out = append(out, containers(spec, s)...)
	if t := s.TerminationGracePeriodSeconds; t != nil && *t < 0 {
		out = append(out, fmt.Sprintf("%s: must be >= 0; negative values are invalid and will be treated as 1", spec.Child("terminationGracePeriodSeconds")))
	}
	if s.DNSConfig != nil {
		for i, ip := range s.DNSConfig.Nameservers {
			out = append(out, validation.GetWarningsForIP(spec.Child("dnsConfig", "nameservers").Index(i), ip)...)
		}
	}
	for i, a := range s.HostAliases {
		out = append(out, validation.GetWarningsForIP(spec.Child("hostAliases").Index(i).Child("ip"), a.IP)...)
	}
	return out
}

const selectsNothing = "%s: a null labelSelector results in matching no pod"

// scheduling warns of labels of nodes that are deprecated and of selectors that select nothing.
func scheduling(spec *field.Path, s *corev1.PodSpec) (out []string) {
	for _, key := range sortedKeys(s.NodeSelector) {
		if why, ok := deprecatedNodeLabels[key]; ok {
			out = append(out, fmt.Sprintf("%s: %s", spec.Child("nodeSelector").Key(key), why))
		}
	}
	if a := s.Affinity; a != nil {
		out = append(out, affinity(spec.Child("affinity"), a)...)
	}
	for i, t := range s.TopologySpreadConstraints {
		at := spec.Child("topologySpreadConstraints").Index(i)
		out = append(out, nodeLabelKey(at.Child("topologyKey"), t.TopologyKey)...)
		if t.LabelSelector == nil {
			out = append(out, fmt.Sprintf(selectsNothing, at.Child("labelSelector")))
		}
	}
	return out
}

const (
	requiredTerms  = "requiredDuringSchedulingIgnoredDuringExecution"
	preferredTerms = "preferredDuringSchedulingIgnoredDuringExecution"
)

func affinity(p *field.Path, a *corev1.Affinity) (out []string) {
	if n := a.NodeAffinity; n != nil {
		at := p.Child("nodeAffinity")
		out = append(out, nodeSelector(at.Child(requiredTerms), n.RequiredDuringSchedulingIgnoredDuringExecution, false)...)
		for i := range n.PreferredDuringSchedulingIgnoredDuringExecution {
			out = append(out, nodeSelectorTerm(at.Child(preferredTerms).Index(i).Child("preference"),
				&n.PreferredDuringSchedulingIgnoredDuringExecution[i].Preference, false)...)
		}
	}
	if pods := a.PodAffinity; pods != nil {
		out = append(out, podTerms(p.Child("podAffinity"), pods.RequiredDuringSchedulingIgnoredDuringExecution,
			pods.PreferredDuringSchedulingIgnoredDuringExecution)...)
	}
	if pods := a.PodAntiAffinity; pods != nil {
		out = append(out, podTerms(p.Child("podAntiAffinity"), pods.RequiredDuringSchedulingIgnoredDuringExecution,
			pods.PreferredDuringSchedulingIgnoredDuringExecution)...)
	}
	return out
}

func podTerms(p *field.Path, required []corev1.PodAffinityTerm, preferred []corev1.WeightedPodAffinityTerm) (out []string) {
	term := func(p *field.Path, t *corev1.PodAffinityTerm) {
		if t.LabelSelector == nil {
			out = append(out, fmt.Sprintf(selectsNothing, p.Child("labelSelector")))
		}
	}
	for i := range required {
		term(p.Child(requiredTerms).Index(i), &required[i])
	}
	for i := range preferred {
		term(p.Child(preferredTerms).Index(i).Child("podAffinityTerm"), &preferred[i].PodAffinityTerm)
	}
	return out
}

// Annotations that fields have replaced.
var replacedAnnotations = []struct{ key, why string }{
	{"security.alpha.kubernetes.io/sysctls", `non-functional in v1.11+; use the "sysctls" field instead`},
	{"security.alpha.kubernetes.io/unsafe-sysctls", `non-functional in v1.11+; use the "sysctls" field instead`},
	{"scheduler.alpha.kubernetes.io/critical-pod", `non-functional in v1.16+; use the "priorityClassName" field instead`},
	{"seccomp.security.alpha.kubernetes.io/pod", `non-functional in v1.27+; use the "seccompProfile" field instead`},
}

// replacedAnnotationPrefixes are followed by the name of a container.
var replacedAnnotationPrefixes = []struct{ prefix, why string }{
	{"container.seccomp.security.alpha.kubernetes.io/", `non-functional in v1.27+; use the "seccompProfile" field instead`},
	{corev1.DeprecatedAppArmorBetaContainerAnnotationKeyPrefix, `deprecated since v1.30; use the "appArmorProfile" field instead`},
}

func podAnnotations(p *field.Path, annotations map[string]string) (out []string) {
	at := p.Child("metadata", "annotations")
	for _, r := range replacedAnnotations {
		if _, ok := annotations[r.key]; ok {
			out = append(out, fmt.Sprintf("%s: %s", at.Key(r.key), r.why))
		}
	}
	for _, key := range sortedKeys(annotations) {
		for _, r := range replacedAnnotationPrefixes {
			if strings.HasPrefix(key, r.prefix) {
				out = append(out, fmt.Sprintf("%s: %s", at.Key(key), r.why))
			}
		}
	}
	return out
}

// duplicates warns of lists that are merged by a key that occurs twice in them.
func duplicates(spec *field.Path, s *corev1.PodSpec) (out []string) {
	ips, secrets, volumes := sets.New[string](), sets.New[string](), sets.New[string]()
	twice := func(seen sets.Set[string], p *field.Path, what, value string) {
		if seen.Has(value) {
			out = append(out, fmt.Sprintf("%s: duplicate %s %q", p, what, value))
		}
		seen.Insert(value)
	}
	for i, a := range s.HostAliases {
		twice(ips, spec.Child("hostAliases").Index(i).Child("ip"), "ip", a.IP)
	}
	for i, r := range s.ImagePullSecrets {
		twice(secrets, spec.Child("imagePullSecrets").Index(i).Child("name"), "name", r.Name)
	}
	for i, r := range s.ImagePullSecrets {
		if r.Name == "" {
			out = append(out, fmt.Sprintf("%s: invalid empty name %q", spec.Child("imagePullSecrets").Index(i).Child("name"), r.Name))
		}
	}
	for i := range s.Volumes {
		twice(volumes, spec.Child("volumes").Index(i).Child("name"), "name", s.Volumes[i].Name)
	}
	return out
}

// wholeBytes warns of amounts of memory or storage that are not whole: mostly m was meant to be M.
func wholeBytes(p *field.Path, l corev1.ResourceList, names ...corev1.ResourceName) (out []string) {
	for _, name := range names {
		if q, ok := l[name]; ok && q.MilliValue()%1000 != 0 {
			out = append(out, fmt.Sprintf("%s: fractional byte value %q is invalid, must be an integer", p.Key(string(name)), q.String()))
		}
	}
	return out
}

func sortedKeys(m map[string]string) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
