package validation

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// What Windows takes for the name of an account
// (https://kubernetes.io/docs/tasks/configure-pod-container/configure-runasusername/).
const (
	maxCredentialSpecKiB = 64
	maxNetBIOSDomain     = 15
	maxDNSDomain         = 255
	maxWindowsUser       = 104
)

var (
	controlCharacters = regexp.MustCompile(`[[:cntrl:]]`)
	netBIOSDomain     = regexp.MustCompile(`^[^.\\/:*?"<>|][^\\/:*?"<>|]*$`)
	dnsDomain         = regexp.MustCompile(`^([[:alnum:]]([[:alnum:]-]*[[:alnum:]])?\.)*[[:alnum:]]([[:alnum:]-]*[[:alnum:]])?$`)
	forbiddenUser     = regexp.MustCompile(`["/\\:;|=,+*?<>@\[\]]`)
	onlyDotsOrSpaces  = regexp.MustCompile(`^[. ]+$`)
)

func windowsOptions(p *field.Path, o *corev1.WindowsSecurityContextOptions) (errs field.ErrorList) {
	if o == nil {
		return nil
	}
	if o.GMSACredentialSpecName != nil {
		errs = append(errs, dnsSubdomain(p.Child("gmsaCredentialSpecName"), *o.GMSACredentialSpecName)...)
	}
	if spec := o.GMSACredentialSpec; spec != nil {
		at := p.Child("gmsaCredentialSpec")
		if *spec == "" {
			errs = append(errs, field.Invalid(at, *spec, "gmsaCredentialSpec cannot be an empty string"))
		} else if len(*spec) > maxCredentialSpecKiB*1024 {
			errs = append(errs, field.Invalid(at, *spec, fmt.Sprintf("gmsaCredentialSpec size must be under %d KiB", maxCredentialSpecKiB)))
		}
	}
	if o.RunAsUserName != nil {
		errs = append(errs, windowsUser(p.Child("runAsUserName"), *o.RunAsUserName)...)
	}
	return errs
}

// windowsUser checks USER or DOMAIN\USER.
func windowsUser(p *field.Path, name string) (errs field.ErrorList) {
	refuse := func(is bool, why string) {
		if is {
			errs = append(errs, field.Invalid(p, name, "runAsUserName"+why))
		}
	}
	if name == "" {
		return field.ErrorList{field.Invalid(p, name, "runAsUserName cannot be an empty string")}
	}
	if controlCharacters.MatchString(name) {
		return field.ErrorList{field.Invalid(p, name, "runAsUserName cannot contain control characters")}
	}
	parts := strings.Split(name, `\`)
	if len(parts) > 2 {
		return field.ErrorList{field.Invalid(p, name, "runAsUserName cannot contain more than one backslash")}
	}
	user := parts[len(parts)-1]
	if len(parts) == 2 {
		domain := parts[0]
		refuse(len(domain) > maxDNSDomain, fmt.Sprintf("'s Domain length must be under %d characters", maxDNSDomain+1))
		refuse(!dnsDomain.MatchString(domain) && (len(domain) > maxNetBIOSDomain || !netBIOSDomain.MatchString(domain)),
			"'s Domain doesn't match the NetBIOS nor the DNS format")
	}
	switch {
	case user == "":
		refuse(true, "'s User cannot be empty")
	case len(user) > maxWindowsUser:
		refuse(true, fmt.Sprintf("'s User length must not be longer than %d characters", maxWindowsUser))
	}
	refuse(onlyDotsOrSpaces.MatchString(user), "'s User cannot contain only periods or spaces")
	refuse(forbiddenUser.MatchString(user), `'s User cannot contain the following characters: "/\:;|=,+*?<>@[]`)
	return errs
}

// hostProcess: containers that run on the node itself are all of a pod's or none, and use its network
// (https://kubernetes.io/docs/tasks/configure-pod-container/create-hostprocess-pod/).
func hostProcess(p *field.Path, s *corev1.PodSpec) (errs field.ErrorList) {
	var ofPod *bool
	if c := s.SecurityContext; c != nil && c.WindowsOptions != nil {
		ofPod = c.WindowsOptions.HostProcess
	}
	all, onHost := 0, 0
	eachContainer(p, s, func(at *field.Path, ctr *corev1.Container) {
		all++
		var own *bool
		if c := ctr.SecurityContext; c != nil && c.WindowsOptions != nil {
			own = c.WindowsOptions.HostProcess
		}
		if ofPod != nil && own != nil && *ofPod != *own {
			errs = append(errs, field.Invalid(at.Child("securityContext", "windowsOptions", "hostProcess"), *own,
				fmt.Sprintf("pod hostProcess value must be identical if both are specified, was %v", *ofPod)))
		}
		if isTrue(own) || own == nil && isTrue(ofPod) {
			onHost++
		}
	})
	if onHost == 0 {
		return errs
	}
	if onHost != all {
		errs = append(errs, field.Invalid(p, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"))
	}
	if !s.HostNetwork {
		errs = append(errs, field.Invalid(p.Child("hostNetwork"), s.HostNetwork, "hostNetwork must be true if pod contains any hostProcess containers"))
	}
	return errs
}
