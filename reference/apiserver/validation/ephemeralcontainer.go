package validation

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const notEphemeral = "cannot be set for an Ephemeral Container"

// ephemeralContainers are added to a running pod for debugging: they have no ports, probes,
// resources or life cycle (https://kubernetes.io/docs/concepts/workloads/pods/ephemeral-containers/).
func (c *podContext) ephemeralContainers(p *field.Path) (errs field.ErrorList) {
	targets := sets.New[string]()
	for i := range c.spec.Containers {
		targets.Insert(c.spec.Containers[i].Name)
	}
	for i := range c.spec.InitContainers {
		targets.Insert(c.spec.InitContainers[i].Name)
	}
	names := targets.Clone()
	for i := range c.spec.EphemeralContainers {
		e, at := &c.spec.EphemeralContainers[i], p.Index(i)
		ctr := (*corev1.Container)(&e.EphemeralContainerCommon)
		errs = append(errs, c.container(at, ctr)...)
		if names.Has(e.Name) {
			errs = append(errs, field.Duplicate(at.Child("name"), e.Name))
		}
		names.Insert(e.Name)
		if e.TargetContainerName != "" && !targets.Has(e.TargetContainerName) {
			errs = append(errs, field.NotFound(at.Child("targetContainerName"), e.TargetContainerName))
		}
		errs = append(errs, ephemeralFields(at, ctr)...)
		for j, m := range e.VolumeMounts {
			if m.SubPath != "" {
				errs = append(errs, field.Forbidden(at.Child("volumeMounts").Index(j).Child("subPath"), notEphemeral))
			}
			if m.SubPathExpr != "" {
				errs = append(errs, field.Forbidden(at.Child("volumeMounts").Index(j).Child("subPathExpr"), notEphemeral))
			}
		}
	}
	return errs
}

func ephemeralFields(p *field.Path, c *corev1.Container) (errs field.ErrorList) {
	forbid := func(set bool, name string) {
		if set {
			errs = append(errs, field.Forbidden(p.Child(name), notEphemeral))
		}
	}
	forbid(len(c.Ports) > 0, "ports")
	forbid(!equal(c.Resources, corev1.ResourceRequirements{}), "resources")
	forbid(len(c.ResizePolicy) > 0, "resizePolicy")
	forbid(c.RestartPolicy != nil, "restartPolicy")
	forbid(len(c.RestartPolicyRules) > 0, "restartPolicyRules")
	forbid(c.LivenessProbe != nil, "livenessProbe")
	forbid(c.ReadinessProbe != nil, "readinessProbe")
	forbid(c.StartupProbe != nil, "startupProbe")
	forbid(c.Lifecycle != nil, "lifecycle")
	return errs
}
