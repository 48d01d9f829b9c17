package defaults

import (
	"github.com/distribution/reference"
	corev1 "k8s.io/api/core/v1"
)

func setContainer(c *corev1.Container) {
	orElse(&c.ImagePullPolicy, pullPolicy(c.Image))
	orElse(&c.TerminationMessagePath, corev1.TerminationMessagePathDefault)
	orElse(&c.TerminationMessagePolicy, corev1.TerminationMessageReadFile)
	roundUp(c.Resources.Limits, c.Resources.Requests)
	each(c.Ports, func(p *corev1.ContainerPort) { orElse(&p.Protocol, corev1.ProtocolTCP) })
	each(c.Env, setEnvVar)
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		setProbe(probe)
	}
	if c.Lifecycle != nil {
		setLifecycleHandler(c.Lifecycle.PostStart)
		setLifecycleHandler(c.Lifecycle.PreStop)
	}
}

// pullPolicy is Always for an image whose tag is, or defaults to, latest, and IfNotPresent for any
// other tag, a digest alone, and names that cannot be parsed.
func pullPolicy(image string) corev1.PullPolicy {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return corev1.PullIfNotPresent
	}
	if tagged, ok := reference.TagNameOnly(named).(reference.Tagged); ok && tagged.Tag() == "latest" {
		return corev1.PullAlways
	}
	return corev1.PullIfNotPresent
}

func setEnvVar(e *corev1.EnvVar) {
	if e.ValueFrom == nil {
		return
	}
	setFieldRef(e.ValueFrom.FieldRef)
	if file := e.ValueFrom.FileKeyRef; file != nil {
		orPointTo(&file.Optional, false)
	}
}

func setFieldRef(f *corev1.ObjectFieldSelector) {
	if f != nil {
		orElse(&f.APIVersion, "v1")
	}
}

func setProbe(p *corev1.Probe) {
	if p == nil {
		return
	}
	orElse(&p.TimeoutSeconds, 1)
	orElse(&p.PeriodSeconds, 10)
	orElse(&p.SuccessThreshold, 1)
	orElse(&p.FailureThreshold, 3)
	setHTTPGet(p.HTTPGet)
	if p.GRPC != nil {
		orPointTo(&p.GRPC.Service, "")
	}
}

func setLifecycleHandler(h *corev1.LifecycleHandler) {
	if h != nil {
		setHTTPGet(h.HTTPGet)
	}
}

func setHTTPGet(h *corev1.HTTPGetAction) {
	if h != nil {
		orElse(&h.Path, "/")
		orElse(&h.Scheme, corev1.URISchemeHTTP)
	}
}
