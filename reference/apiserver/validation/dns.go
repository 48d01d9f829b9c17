package validation

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What a resolv.conf may hold, see
// https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-dns-config.
const (
	maxNameservers      = 3
	maxSearchPaths      = 32
	maxSearchListLength = 2048
)

func dnsConfig(p *field.Path, c *corev1.PodDNSConfig, policy corev1.DNSPolicy) (errs field.ErrorList) {
	if policy == corev1.DNSNone {
		if c == nil {
			return field.ErrorList{field.Required(p, fmt.Sprintf("must provide `dnsConfig` when `dnsPolicy` is %s", corev1.DNSNone))}
		}
		if len(c.Nameservers) == 0 {
			errs = append(errs, field.Required(p.Child("nameservers"),
				fmt.Sprintf("must provide at least one DNS nameserver when `dnsPolicy` is %s", corev1.DNSNone)))
		}
	}
	if c == nil {
		return errs
	}
	if len(c.Nameservers) > maxNameservers {
		errs = append(errs, field.Invalid(p.Child("nameservers"), c.Nameservers, fmt.Sprintf("must not have more than %v nameservers", maxNameservers)))
	}
	for i, s := range c.Nameservers {
		errs = append(errs, ipAddress(p.Child("nameservers").Index(i), s)...)
	}
	searches := p.Child("searches")
	if len(c.Searches) > maxSearchPaths {
		errs = append(errs, field.Invalid(searches, c.Searches, fmt.Sprintf("must not have more than %v search paths", maxSearchPaths)))
	}
	if len(strings.Join(c.Searches, " ")) > maxSearchListLength {
		errs = append(errs, field.Invalid(searches, c.Searches,
			fmt.Sprintf("must not have more than %v characters (including spaces) in the search list", maxSearchListLength)))
	}
	for i, s := range c.Searches {
		if s != "." {
			s = strings.TrimSuffix(s, ".")
			errs = append(errs, invalids(searches.Index(i), s, validation.IsDNS1123SubdomainWithUnderscore(s))...)
		}
	}
	for i, o := range c.Options {
		if o.Name == "" {
			errs = append(errs, field.Required(p.Child("options").Index(i), "must not be empty"))
		}
	}
	return errs
}

func hostAliases(p *field.Path, aliases []corev1.HostAlias) (errs field.ErrorList) {
	for i, a := range aliases {
		errs = append(errs, ipAddress(p.Index(i).Child("ip"), a.IP)...)
		for _, name := range a.Hostnames {
			errs = append(errs, dnsSubdomain(p.Index(i).Child("hostnames"), name)...)
		}
	}
	return errs
}
