package validation

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// podContext is what the containers of a pod refer to.
type podContext struct {
	spec    *corev1.PodSpec
	volumes map[string]*corev1.VolumeSource
	claims  sets.Set[string]
	isPod   bool // false for a template
}

// container checks what is common to all kinds of container.
func (c *podContext) container(p *field.Path, ctr *corev1.Container) (errs field.ErrorList) {
	if ctr.Name == "" {
		errs = append(errs, field.Required(p.Child("name"), ""))
	} else {
		errs = append(errs, dnsLabel(p.Child("name"), ctr.Name)...)
	}
	switch {
	case ctr.Image == "":
		errs = append(errs, field.Required(p.Child("image"), ""))
	case c.isPod && strings.TrimSpace(ctr.Image) != ctr.Image:
		errs = append(errs, field.Invalid(p.Child("image"), ctr.Image, "must not have leading or trailing whitespace"))
	}
	errs = append(errs, oneOf(p.Child("terminationMessagePolicy"), ctr.TerminationMessagePolicy,
		corev1.TerminationMessageFallbackToLogsOnError, corev1.TerminationMessageReadFile)...)
	errs = append(errs, containerPorts(p.Child("ports"), ctr.Ports)...)
	errs = append(errs, env(p.Child("env"), ctr.Env)...)
	errs = append(errs, envFrom(p.Child("envFrom"), ctr.EnvFrom)...)
	errs = append(errs, volumeMounts(p.Child("volumeMounts"), ctr, c.volumes)...)
	errs = append(errs, volumeDevices(p.Child("volumeDevices"), ctr, c.volumes)...)
	errs = append(errs, pullPolicy(p.Child("imagePullPolicy"), ctr.ImagePullPolicy)...)
	errs = append(errs, resourceRequirements(p.Child("resources"), &ctr.Resources, c.claims)...)
	errs = append(errs, resizePolicy(p.Child("resizePolicy"), ctr.ResizePolicy, c.spec.RestartPolicy)...)
	return append(errs, securityContext(p.Child("securityContext"), ctr.SecurityContext, c.spec)...)
}

func pullPolicy(p *field.Path, policy corev1.PullPolicy) field.ErrorList {
	return oneOf(p, policy, corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever)
}

func (c *podContext) containers(p *field.Path) (errs field.ErrorList) {
	list := c.spec.Containers
	if len(list) == 0 {
		return field.ErrorList{field.Required(p, "")}
	}
	names := sets.New[string]()
	for i := range list {
		ctr, at := &list[i], p.Index(i)
		errs = append(errs, c.container(at, ctr)...)
		if names.Has(ctr.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), ctr.Name))
		}
		names.Insert(ctr.Name)
		errs = append(errs, lifecycle(at.Child("lifecycle"), ctr.Lifecycle, c.spec)...)
		errs = append(errs, probes(at, ctr)...)
		errs = append(errs, restartRules(at, ctr)...)
	}
	return append(errs, hostPortConflicts(p, list)...)
}

// initContainers run one by one before the others; those that restart always ("sidecars") stay.
func (c *podContext) initContainers(p *field.Path) (errs field.ErrorList) {
	names := sets.New[string]()
	for i := range c.spec.Containers {
		names.Insert(c.spec.Containers[i].Name)
	}
	for i := range c.spec.InitContainers {
		ctr, at := &c.spec.InitContainers[i], p.Index(i)
		errs = append(errs, c.container(at, ctr)...)
		if ctr.Name != "" && names.Has(ctr.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), ctr.Name))
		}
		names.Insert(ctr.Name)
		errs = append(errs, hostPortConflicts(p, c.spec.InitContainers[i:i+1])...)
		errs = append(errs, restartRules(at, ctr)...)
		if isSidecar(ctr) {
			errs = append(errs, lifecycle(at.Child("lifecycle"), ctr.Lifecycle, c.spec)...)
			errs = append(errs, probes(at, ctr)...)
			continue
		}
		forbid := func(set bool, name string) {
			if set {
				errs = append(errs, field.Forbidden(at.Child(name), "may not be set for init containers without restartPolicy=Always"))
			}
		}
		forbid(ctr.Lifecycle != nil, "lifecycle")
		forbid(ctr.LivenessProbe != nil, "livenessProbe")
		forbid(ctr.ReadinessProbe != nil, "readinessProbe")
		forbid(ctr.StartupProbe != nil, "startupProbe")
		if len(ctr.ResizePolicy) > 0 {
			errs = append(errs, field.Invalid(at.Child("resizePolicy"), ctr.ResizePolicy, "must not be set for init containers"))
		}
	}
	return errs
}

func isSidecar(c *corev1.Container) bool {
	return c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways
}

const (
	maxRestartRules     = 20
	maxRestartExitCodes = 255
)

// restartRules checks a container's own restart policy (KEP-5307).
func restartRules(p *field.Path, c *corev1.Container) (errs field.ErrorList) {
	errs = append(errs, oneOfPtr(p.Child("restartPolicy"), c.RestartPolicy, corev1.ContainerRestartPolicyAlways,
		corev1.ContainerRestartPolicyNever, corev1.ContainerRestartPolicyOnFailure)...)
	rules := p.Child("restartPolicyRules")
	if len(c.RestartPolicyRules) > 0 && c.RestartPolicy == nil {
		errs = append(errs, field.Required(p.Child("restartPolicy"), "must specify restartPolicy when restart rules are used"))
	}
	if len(c.RestartPolicyRules) > maxRestartRules {
		errs = append(errs, field.TooMany(rules, len(c.RestartPolicyRules), maxRestartRules))
	}
	for i, r := range c.RestartPolicyRules {
		at := rules.Index(i)
		errs = append(errs, supportedValue(at.Child("action"), r.Action,
			corev1.ContainerRestartRuleActionRestart, corev1.ContainerRestartRuleActionRestartAllContainers)...)
		if r.ExitCodes == nil {
			errs = append(errs, field.Required(at.Child("exitCodes"), "must be specified"))
			continue
		}
		errs = append(errs, supportedValue(at.Child("exitCodes", "operator"), r.ExitCodes.Operator,
			corev1.ContainerRestartRuleOnExitCodesOpIn, corev1.ContainerRestartRuleOnExitCodesOpNotIn)...)
		values := at.Child("exitCodes", "values")
		switch n := len(r.ExitCodes.Values); {
		case n == 0:
			errs = append(errs, field.Invalid(values, r.ExitCodes.Values, "must have at least one value"))
		case n > maxRestartExitCodes:
			errs = append(errs, field.TooMany(values, n, maxRestartExitCodes))
		}
	}
	return errs
}
