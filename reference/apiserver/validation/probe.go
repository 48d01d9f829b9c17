package validation

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// probes checks the three probes of a container that runs for as long as its pod does.
func probes(p *field.Path, c *corev1.Container) (errs field.ErrorList) {
	errs = append(errs, probe(p.Child("livenessProbe"), c.LivenessProbe)...)
	errs = append(errs, succeedsOnce(p.Child("livenessProbe"), c.LivenessProbe)...)
	errs = append(errs, probe(p.Child("readinessProbe"), c.ReadinessProbe)...)
	if r := c.ReadinessProbe; r != nil && r.TerminationGracePeriodSeconds != nil {
		errs = append(errs, field.Invalid(p.Child("readinessProbe", "terminationGracePeriodSeconds"),
			r.TerminationGracePeriodSeconds, "must not be set for readinessProbes"))
	}
	errs = append(errs, probe(p.Child("startupProbe"), c.StartupProbe)...)
	return append(errs, succeedsOnce(p.Child("startupProbe"), c.StartupProbe)...)
}

// succeedsOnce: a container that fails is restarted, so counting successes means nothing.
func succeedsOnce(p *field.Path, pr *corev1.Probe) field.ErrorList {
	if pr != nil && pr.SuccessThreshold != 1 {
		return field.ErrorList{field.Invalid(p.Child("successThreshold"), pr.SuccessThreshold, "must be 1")}
	}
	return nil
}

func probe(p *field.Path, pr *corev1.Probe) field.ErrorList {
	if pr == nil {
		return nil
	}
	errs := handler(p, handlers{exec: pr.Exec, http: pr.HTTPGet, tcp: pr.TCPSocket, grpc: pr.GRPC}, nil)
	errs = append(errs, nonNegative(p.Child("initialDelaySeconds"), pr.InitialDelaySeconds)...)
	errs = append(errs, nonNegative(p.Child("timeoutSeconds"), pr.TimeoutSeconds)...)
	errs = append(errs, nonNegative(p.Child("periodSeconds"), pr.PeriodSeconds)...)
	errs = append(errs, nonNegative(p.Child("successThreshold"), pr.SuccessThreshold)...)
	errs = append(errs, nonNegative(p.Child("failureThreshold"), pr.FailureThreshold)...)
	if t := pr.TerminationGracePeriodSeconds; t != nil && *t <= 0 {
		errs = append(errs, field.Invalid(p.Child("terminationGracePeriodSeconds"), *t, "must be greater than 0"))
	}
	return errs
}

// handlers are the ways of asking a container something; exactly one must be set.
type handlers struct {
	exec  *corev1.ExecAction
	http  *corev1.HTTPGetAction
	tcp   *corev1.TCPSocketAction
	grpc  *corev1.GRPCAction
	sleep *corev1.SleepAction
}

func handler(p *field.Path, h handlers, gracePeriod *int64) (errs field.ErrorList) {
	count := 0
	check := func(set bool, name string, validate func(*field.Path) field.ErrorList) {
		switch {
		case !set:
		case count > 0:
			errs = append(errs, field.Forbidden(p.Child(name), "may not specify more than 1 handler type"))
		default:
			count++
			errs = append(errs, validate(p.Child(name))...)
		}
	}
	check(h.exec != nil, "exec", func(p *field.Path) field.ErrorList {
		if len(h.exec.Command) == 0 {
			return field.ErrorList{field.Required(p.Child("command"), "")}
		}
		return nil
	})
	check(h.http != nil, "httpGet", func(p *field.Path) field.ErrorList { return httpGet(p, h.http) })
	check(h.tcp != nil, "tcpSocket", func(p *field.Path) field.ErrorList { return portNumberOrName(p.Child("port"), h.tcp.Port) })
	check(h.grpc != nil, "grpc", func(p *field.Path) field.ErrorList {
		return portNumberOrName(p.Child("port"), intstr.FromInt32(h.grpc.Port))
	})
	check(h.sleep != nil, "sleep", func(p *field.Path) field.ErrorList { return sleep(p, h.sleep, gracePeriod) })
	if count == 0 {
		errs = append(errs, field.Required(p, "must specify a handler type"))
	}
	return errs
}

func httpGet(p *field.Path, h *corev1.HTTPGetAction) field.ErrorList {
	errs := required(p.Child("path"), h.Path)
	errs = append(errs, portNumberOrName(p.Child("port"), h.Port)...)
	errs = append(errs, supportedValue(p.Child("scheme"), h.Scheme, corev1.URISchemeHTTP, corev1.URISchemeHTTPS)...)
	for _, header := range h.HTTPHeaders {
		errs = append(errs, invalids(p.Child("httpHeaders"), header.Name, validation.IsHTTPHeaderName(header.Name))...)
	}
	return errs
}

// sleep must end before the pod's grace period does, or it would be all that the pod does.
func sleep(p *field.Path, s *corev1.SleepAction, gracePeriod *int64) field.ErrorList {
	if gracePeriod == nil || s.Seconds >= 0 && s.Seconds <= *gracePeriod {
		return nil
	}
	return field.ErrorList{field.Invalid(p, s.Seconds,
		fmt.Sprintf("must be non-negative and less than terminationGracePeriodSeconds (%d)", *gracePeriod))}
}

func lifecycle(p *field.Path, l *corev1.Lifecycle, spec *corev1.PodSpec) (errs field.ErrorList) {
	if l == nil {
		return nil
	}
	hook := func(p *field.Path, h *corev1.LifecycleHandler) {
		if h != nil {
			set := handlers{exec: h.Exec, http: h.HTTPGet, tcp: h.TCPSocket, sleep: h.Sleep}
			errs = append(errs, handler(p, set, spec.TerminationGracePeriodSeconds)...)
		}
	}
	hook(p.Child("postStart"), l.PostStart)
	hook(p.Child("preStop"), l.PreStop)
	return append(errs, stopSignal(p.Child("stopSignal"), l.StopSignal, spec.OS)...)
}

func stopSignal(p *field.Path, s *corev1.Signal, os *corev1.PodOS) field.ErrorList {
	switch {
	case s == nil:
		return nil
	case os == nil || os.Name == "":
		return field.ErrorList{field.Forbidden(p, "may not be set for containers with empty `spec.os.name`")}
	case os.Name == corev1.Windows:
		return supportedValue(p, *s, corev1.SIGKILL, corev1.SIGTERM)
	}
	return supportedValue(p, *s, linuxSignals...)
}
