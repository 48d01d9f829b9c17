package validation

import (
	"fmt"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func userID(p *field.Path, id *int64) field.ErrorList {
	if id == nil {
		return nil
	}
	return invalids(p, *id, validation.IsValidUserID(*id))
}

func groupID(p *field.Path, id *int64) field.ErrorList {
	if id == nil {
		return nil
	}
	return invalids(p, *id, validation.IsValidGroupID(*id))
}

func isTrue(b *bool) bool  { return b != nil && *b }
func isFalse(b *bool) bool { return b != nil && !*b }

func securityContext(p *field.Path, c *corev1.SecurityContext, spec *corev1.PodSpec) field.ErrorList {
	if c == nil {
		return nil
	}
	errs := userID(p.Child("runAsUser"), c.RunAsUser)
	errs = append(errs, groupID(p.Child("runAsGroup"), c.RunAsGroup)...)
	errs = append(errs, oneOfPtr(p.Child("procMount"), c.ProcMount, corev1.DefaultProcMount, corev1.UnmaskedProcMount)...)
	if c.ProcMount != nil && *c.ProcMount == corev1.UnmaskedProcMount && !isFalse(spec.HostUsers) {
		errs = append(errs, field.Invalid(p.Child("procMount"), c.ProcMount, "`hostUsers` must be false to use `Unmasked`"))
	}
	errs = append(errs, seccompProfile(p.Child("seccompProfile"), c.SeccompProfile)...)
	errs = append(errs, windowsOptions(p.Child("windowsOptions"), c.WindowsOptions)...)
	errs = append(errs, appArmorProfile(p.Child("appArmorProfile"), c.AppArmorProfile)...)
	if isFalse(c.AllowPrivilegeEscalation) {
		if isTrue(c.Privileged) {
			errs = append(errs, field.Invalid(p, c, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
		}
		if c.Capabilities != nil {
			for _, added := range c.Capabilities.Add {
				if added == "CAP_SYS_ADMIN" {
					errs = append(errs, field.Invalid(p, c, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"))
				}
			}
		}
	}
	return errs
}

func seccompProfile(p *field.Path, s *corev1.SeccompProfile) field.ErrorList {
	if s == nil {
		return nil
	}
	var errs field.ErrorList
	if s.Type == "" {
		errs = append(errs, field.Required(p.Child("type"), "type is required when seccompProfile is set"))
	} else {
		errs = append(errs, supportedValue(p.Child("type"), s.Type, corev1.SeccompProfileTypeLocalhost,
			corev1.SeccompProfileTypeRuntimeDefault, corev1.SeccompProfileTypeUnconfined)...)
	}
	at := p.Child("localhostProfile")
	switch {
	case s.Type != corev1.SeccompProfileTypeLocalhost && s.LocalhostProfile != nil:
		errs = append(errs, field.Invalid(at, s, "can only be set when seccomp type is Localhost"))
	case s.Type == corev1.SeccompProfileTypeLocalhost && s.LocalhostProfile == nil:
		errs = append(errs, field.Required(at, "must be set when seccomp type is Localhost"))
	case s.Type == corev1.SeccompProfileTypeLocalhost:
		errs = append(errs, descendingPath(at, *s.LocalhostProfile)...)
	}
	return errs
}

func appArmorProfile(p *field.Path, a *corev1.AppArmorProfile) field.ErrorList {
	if a == nil {
		return nil
	}
	var errs field.ErrorList
	if a.Type == "" {
		errs = append(errs, field.Required(p.Child("type"), "type is required when appArmorProfile is set"))
	} else {
		errs = append(errs, supportedValue(p.Child("type"), a.Type, corev1.AppArmorProfileTypeLocalhost,
			corev1.AppArmorProfileTypeRuntimeDefault, corev1.AppArmorProfileTypeUnconfined)...)
	}
	at := p.Child("localhostProfile")
	switch {
	case a.Type != corev1.AppArmorProfileTypeLocalhost && a.LocalhostProfile != nil:
		errs = append(errs, field.Invalid(at, a.LocalhostProfile, "can only be set when AppArmor type is Localhost"))
	case a.Type == corev1.AppArmorProfileTypeLocalhost && (a.LocalhostProfile == nil || strings.TrimSpace(*a.LocalhostProfile) == ""):
		errs = append(errs, field.Required(at, "must be set when AppArmor type is Localhost"))
	case a.Type == corev1.AppArmorProfileTypeLocalhost && strings.TrimSpace(*a.LocalhostProfile) != *a.LocalhostProfile:
		errs = append(errs, field.Invalid(at, *a.LocalhostProfile, "must not be padded with whitespace"))
	case a.Type == corev1.AppArmorProfileTypeLocalhost && len(*a.LocalhostProfile) > maxAppArmorProfile:
		errs = append(errs, field.TooLong(at, *a.LocalhostProfile, maxAppArmorProfile))
	}
	return errs
}

const maxAppArmorProfile = 4095 // PATH_MAX less the terminating zero

func podSecurityContext(p *field.Path, c *corev1.PodSecurityContext, spec *corev1.PodSpec, hostPath *field.Path) field.ErrorList {
	if c == nil {
		return nil
	}
	errs := groupID(p.Child("fsGroup"), c.FSGroup)
	errs = append(errs, userID(p.Child("runAsUser"), c.RunAsUser)...)
	errs = append(errs, groupID(p.Child("runAsGroup"), c.RunAsGroup)...)
	for i := range c.SupplementalGroups {
		errs = append(errs, groupID(p.Child("supplementalGroups").Index(i), &c.SupplementalGroups[i])...)
	}
	if isTrue(spec.ShareProcessNamespace) && spec.HostPID {
		errs = append(errs, field.Invalid(hostPath.Child("shareProcessNamespace"), *spec.ShareProcessNamespace,
			"ShareProcessNamespace and HostPID cannot both be enabled"))
	}
	errs = append(errs, sysctls(p.Child("sysctls"), c.Sysctls, spec)...)
	errs = append(errs, oneOfPtr(p.Child("fsGroupChangePolicy"), c.FSGroupChangePolicy,
		corev1.FSGroupChangeAlways, corev1.FSGroupChangeOnRootMismatch)...)
	errs = append(errs, oneOfPtr(p.Child("supplementalGroupsPolicy"), c.SupplementalGroupsPolicy,
		corev1.SupplementalGroupsPolicyMerge, corev1.SupplementalGroupsPolicyStrict)...)
	errs = append(errs, oneOfPtr(p.Child("seLinuxChangePolicy"), c.SELinuxChangePolicy,
		corev1.SELinuxChangePolicyMountOption, corev1.SELinuxChangePolicyRecursive)...)
	errs = append(errs, seccompProfile(p.Child("seccompProfile"), c.SeccompProfile)...)
	errs = append(errs, windowsOptions(p.Child("windowsOptions"), c.WindowsOptions)...)
	return append(errs, appArmorProfile(p.Child("appArmorProfile"), c.AppArmorProfile)...)
}

const (
	sysctlPattern   = `^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`
	sysctlMaxLength = 253
)

var sysctlRegexp = regexp.MustCompile(sysctlPattern)

func sysctls(p *field.Path, list []corev1.Sysctl, spec *corev1.PodSpec) (errs field.ErrorList) {
	names := sets.New[string]()
	for i, s := range list {
		at := p.Index(i).Child("name")
		// Slashes and dots are two spellings of one name.
		name := strings.ReplaceAll(s.Name, "/", ".")
		switch {
		case s.Name == "":
			errs = append(errs, field.Required(at, ""))
		case len(s.Name) > sysctlMaxLength || !sysctlRegexp.MatchString(s.Name):
			errs = append(errs, field.Invalid(at, s.Name, fmt.Sprintf("must have at most %d characters and match regex %s", sysctlMaxLength, sysctlPattern)))
		case names.Has(name):
			errs = append(errs, field.Duplicate(at, s.Name))
		}
		if spec.HostNetwork && strings.HasPrefix(name, "net.") {
			errs = append(errs, field.Invalid(at, s.Name, "may not be specified when 'hostNetwork' is true"))
		}
		if spec.HostIPC && (strings.HasPrefix(name, "kernel.shm") || strings.HasPrefix(name, "kernel.msg") ||
			name == "kernel.sem" || strings.HasPrefix(name, "fs.mqueue.")) {
			errs = append(errs, field.Invalid(at, s.Name, "may not be specified when 'hostIPC' is true"))
		}
		names.Insert(name)
	}
	return errs
}
