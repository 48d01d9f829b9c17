package validation

import (
	"path"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

const legacyIngressClass = "kubernetes.io/ingress.class"

// Ingress checks a new Ingress.
func Ingress(in *networkingv1.Ingress) field.ErrorList {
	errs := ingressSpec(in)
	if class, ok := in.Annotations[legacyIngressClass]; ok && in.Spec.IngressClassName != nil && class != *in.Spec.IngressClassName {
		errs = append(errs, field.Invalid(field.NewPath("annotations").Child(legacyIngressClass), class,
			"must match `ingressClassName` when both are specified"))
	}
	return errs
}

func ingressSpec(in *networkingv1.Ingress) field.ErrorList {
	s := &in.Spec
	errs := newMeta(&in.ObjectMeta, namespaced, subdomainName)
	if len(s.Rules) == 0 && s.DefaultBackend == nil {
		errs = append(errs, field.Invalid(specPath, s.Rules, "either `defaultBackend` or `rules` must be specified"))
	}
	if s.DefaultBackend != nil {
		errs = append(errs, ingressBackend(specPath.Child("defaultBackend"), s.DefaultBackend)...)
	}
	for i := range s.Rules {
		errs = append(errs, ingressRule(specPath.Child("rules").Index(i), &s.Rules[i])...)
	}
	for i, t := range s.TLS {
		at := specPath.Child("tls").Index(i)
		for j, host := range t.Hosts {
			errs = append(errs, ingressHost(at.Child("hosts").Index(j), host)...)
		}
		if t.SecretName != "" {
			errs = append(errs, dnsSubdomain(at.Child("secretName"), t.SecretName)...)
		}
	}
	if s.IngressClassName != nil {
		errs = append(errs, dnsSubdomain(specPath.Child("ingressClassName"), *s.IngressClassName)...)
	}
	return errs
}

func ingressHost(p *field.Path, host string) field.ErrorList {
	if strings.Contains(host, "*") {
		return invalids(p, host, validation.IsWildcardDNS1123Subdomain(host))
	}
	return dnsSubdomain(p, host)
}

func ingressRule(p *field.Path, r *networkingv1.IngressRule) (errs field.ErrorList) {
	if r.Host != "" {
		if len(ipAddress(p, r.Host)) == 0 {
			errs = append(errs, field.Invalid(p.Child("host"), r.Host, "must be a DNS name, not an IP address"))
		}
		errs = append(errs, ingressHost(p.Child("host"), r.Host)...)
	}
	if r.HTTP == nil {
		return errs
	}
	paths := p.Child("http", "paths")
	if len(r.HTTP.Paths) == 0 {
		errs = append(errs, field.Required(paths, ""))
	}
	for i := range r.HTTP.Paths {
		errs = append(errs, ingressPath(paths.Index(i), &r.HTTP.Paths[i])...)
	}
	return errs
}

var (
	forbiddenInPath = []string{"//", "/./", "/../", "%2f", "%2F"}
	forbiddenSuffix = []string{"/..", "/."}
)

func ingressPath(p *field.Path, h *networkingv1.HTTPIngressPath) (errs field.ErrorList) {
	if h.PathType == nil {
		return field.ErrorList{field.Required(p.Child("pathType"), "pathType must be specified")}
	}
	at := p.Child("path")
	switch *h.PathType {
	case networkingv1.PathTypeExact, networkingv1.PathTypePrefix:
		if !path.IsAbs(h.Path) {
			errs = append(errs, field.Invalid(at, h.Path, "must be an absolute path"))
		}
		for _, bad := range forbiddenInPath {
			if strings.Contains(h.Path, bad) {
				errs = append(errs, field.Invalid(at, h.Path, "must not contain '"+bad+"'"))
			}
		}
		for _, bad := range forbiddenSuffix {
			if strings.HasSuffix(h.Path, bad) {
				errs = append(errs, field.Invalid(at, h.Path, "cannot end with '"+bad+"'"))
			}
		}
	case networkingv1.PathTypeImplementationSpecific:
		if h.Path != "" && !path.IsAbs(h.Path) {
			errs = append(errs, field.Invalid(at, h.Path, "must be an absolute path"))
		}
	default:
		errs = append(errs, field.NotSupported(p.Child("pathType"), *h.PathType, []networkingv1.PathType{
			networkingv1.PathTypeExact, networkingv1.PathTypeImplementationSpecific, networkingv1.PathTypePrefix}))
	}
	return append(errs, ingressBackend(p.Child("backend"), &h.Backend)...)
}

func ingressBackend(p *field.Path, b *networkingv1.IngressBackend) (errs field.ErrorList) {
	switch {
	case b.Resource != nil && b.Service != nil:
		return field.ErrorList{field.Invalid(p, "", "cannot set both resource and service backends")}
	case b.Resource != nil:
		return resourceBackend(p.Child("resource"), b.Resource)
	case b.Service == nil:
		return field.ErrorList{field.Required(p, "must set either a service or a resource backend")}
	}
	service := p.Child("service")
	if b.Service.Name == "" {
		errs = append(errs, field.Required(service.Child("name"), ""))
	} else {
		errs = append(errs, invalids(service.Child("name"), b.Service.Name, labelName(b.Service.Name, false))...)
	}
	port := service.Child("port")
	switch hasName, hasNumber := b.Service.Port.Name != "", b.Service.Port.Number != 0; {
	case hasName && hasNumber:
		errs = append(errs, field.Invalid(p, "", "cannot set both port name & port number"))
	case hasName:
		errs = append(errs, invalids(port.Child("name"), b.Service.Port.Name, validation.IsValidPortName(b.Service.Port.Name))...)
	case hasNumber:
		errs = append(errs, portNumber(port.Child("number"), b.Service.Port.Number)...)
	default:
		errs = append(errs, field.Required(p, "port name or number is required"))
	}
	return errs
}

func resourceBackend(p *field.Path, r *corev1.TypedLocalObjectReference) field.ErrorList {
	errs := required(p.Child("kind"), r.Kind)
	errs = append(errs, required(p.Child("name"), r.Name)...)
	if r.APIGroup != nil && *r.APIGroup != "" {
		errs = append(errs, dnsSubdomain(p.Child("apiGroup"), *r.APIGroup)...)
	}
	return errs
}

// IngressUpdate checks a replacement of an Ingress; the annotation that names a class as well as the
// field does is only refused on new ones.
func IngressUpdate(in, old *networkingv1.Ingress) field.ErrorList {
	return append(updatedMeta(&in.ObjectMeta, &old.ObjectMeta), ingressSpec(in)...)
}

// IngressStatusUpdate checks a write to an Ingress's status.
func IngressStatusUpdate(in, old *networkingv1.Ingress) field.ErrorList {
	errs := updatedMeta(&in.ObjectMeta, &old.ObjectMeta)
	var had []string
	for _, l := range old.Status.LoadBalancer.Ingress {
		had = append(had, l.IP)
	}
	for i, l := range in.Status.LoadBalancer.Ingress {
		at := statusPath.Child("loadBalancer", "ingress").Index(i)
		if l.IP != "" {
			errs = append(errs, ipAddress(at.Child("ip"), l.IP, had...)...)
		}
		errs = append(errs, ingressHostname(at.Child("hostname"), l.Hostname)...)
	}
	return errs
}

const maxControllerName = 250

// IngressClass checks a new IngressClass.
func IngressClass(c *networkingv1.IngressClass) field.ErrorList {
	errs := newMeta(&c.ObjectMeta, clusterScoped, subdomainName)
	p := specPath.Child("controller")
	if len(c.Spec.Controller) > maxControllerName {
		errs = append(errs, field.TooLong(p, c.Spec.Controller, maxControllerName))
	}
	errs = append(errs, domainPrefixed(p, c.Spec.Controller)...)
	r := c.Spec.Parameters
	if r == nil {
		return errs
	}
	p = specPath.Child("parameters")
	errs = append(errs, required(p.Child("kind"), r.Kind)...)
	errs = append(errs, required(p.Child("name"), r.Name)...)
	if r.APIGroup != nil {
		errs = append(errs, dnsSubdomain(p.Child("apiGroup"), *r.APIGroup)...)
	}
	if r.Scope == nil {
		return append(errs, field.Required(p.Child("scope"), ""))
	}
	errs = append(errs, supportedValue(p.Child("scope"), *r.Scope,
		networkingv1.IngressClassParametersReferenceScopeCluster, networkingv1.IngressClassParametersReferenceScopeNamespace)...)
	switch *r.Scope {
	case networkingv1.IngressClassParametersReferenceScopeNamespace:
		if r.Namespace == nil || *r.Namespace == "" {
			errs = append(errs, field.Required(p.Child("namespace"), "`parameters.scope` is set to 'Namespace'"))
		} else {
			errs = append(errs, dnsLabel(p.Child("namespace"), *r.Namespace)...)
		}
	case networkingv1.IngressClassParametersReferenceScopeCluster:
		if r.Namespace != nil {
			errs = append(errs, field.Forbidden(p.Child("namespace"), "`parameters.scope` is set to 'Cluster'"))
		}
	}
	return errs
}

// IngressClassUpdate checks a replacement of an IngressClass, whose controller cannot change.
func IngressClassUpdate(c, old *networkingv1.IngressClass) field.ErrorList {
	errs := append(updatedMeta(&c.ObjectMeta, &old.ObjectMeta), IngressClass(c)...)
	return append(errs, unchanged(specPath.Child("controller"), c.Spec.Controller, old.Spec.Controller)...)
}
