package validation

import (
	"net"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// The three formats of iSCSI names (RFC 3720, section 3.2.6.3).
var iscsiNames = map[string]*regexp.Regexp{
	"iqn": regexp.MustCompile(`iqn\.\d{4}-\d{2}\.([[:alnum:]-.]+)(:[^,;*&$|\s]+)$`),
	"eui": regexp.MustCompile(`^eui.[[:alnum:]]{16}$`),
	"naa": regexp.MustCompile(`^naa.[[:alnum:]]{32}$`),
}

// iscsiTarget is what pods and PersistentVolumes say alike of an iSCSI disk.
type iscsiTarget struct {
	portal, iqn string
	lun         int32
	initiator   *string
	chap        bool
	secret      bool
}

func iscsi(p *field.Path, t iscsiTarget) field.ErrorList {
	errs := required(p.Child("targetPortal"), t.portal)
	if t.iqn == "" {
		errs = append(errs, field.Required(p.Child("iqn"), ""))
	} else {
		errs = append(errs, iscsiName(p.Child("iqn"), t.iqn)...)
	}
	errs = append(errs, invalids(p.Child("lun"), t.lun, validation.IsInRange(int(t.lun), 0, 255))...)
	if t.chap && !t.secret {
		errs = append(errs, field.Required(p.Child("secretRef"), ""))
	}
	if t.initiator != nil {
		errs = append(errs, iscsiName(p.Child("initiatorname"), *t.initiator)...)
	}
	return errs
}

func iscsiName(p *field.Path, name string) field.ErrorList {
	for prefix, format := range iscsiNames {
		if !strings.HasPrefix(name, prefix) {
			continue
		}
		if !format.MatchString(name) {
			return field.ErrorList{field.Invalid(p, name, "must be valid format")}
		}
		return nil
	}
	return field.ErrorList{field.Invalid(p, name, "must be valid format starting with iqn, eui, or naa")}
}

func partition(p *field.Path, n int32) field.ErrorList {
	if n < 0 || n > 255 {
		return field.ErrorList{field.Invalid(p.Child("partition"), n, validation.InclusiveRangeError(1, 255))}
	}
	return nil
}

func flocker(p *field.Path, s *corev1.FlockerVolumeSource) (errs field.ErrorList) {
	switch {
	case s.DatasetName == "" && s.DatasetUUID == "":
		errs = append(errs, field.Required(p, "one of datasetName and datasetUUID is required"))
	case s.DatasetName != "" && s.DatasetUUID != "":
		errs = append(errs, field.Invalid(p, "resource", "datasetName and datasetUUID can not be specified simultaneously"))
	}
	if strings.Contains(s.DatasetName, "/") {
		errs = append(errs, field.Invalid(p.Child("datasetName"), s.DatasetName, "must not contain '/'"))
	}
	return errs
}

const maxQuobyteTenant = 64 // a UUID, with room

func quobyte(p *field.Path, s *corev1.QuobyteVolumeSource) (errs field.ErrorList) {
	switch {
	case s.Registry == "":
		errs = append(errs, field.Required(p.Child("registry"), "must be a host:port pair or multiple pairs separated by commas"))
	case len(s.Tenant) > maxQuobyteTenant:
		errs = append(errs, field.Required(p.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters"))
	default:
		for _, pair := range strings.Split(s.Registry, ",") {
			if _, _, err := net.SplitHostPort(pair); err != nil {
				errs = append(errs, field.Invalid(p.Child("registry"), s.Registry, "must be a host:port pair or multiple pairs separated by commas"))
			}
		}
	}
	return append(errs, required(p.Child("volume"), s.Volume)...)
}

// What the URIs of Azure's disks look like.
var (
	azureManagedURI = []string{"/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"}
	azureBlobURI    = []string{"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"}
)

func azureDisk(p *field.Path, s *corev1.AzureDiskVolumeSource) field.ErrorList {
	errs := required(p.Child("diskName"), s.DiskName)
	errs = append(errs, required(p.Child("diskURI"), s.DataDiskURI)...)
	errs = append(errs, oneOfPtr(p.Child("cachingMode"), s.CachingMode, corev1.AzureDataDiskCachingNone,
		corev1.AzureDataDiskCachingReadOnly, corev1.AzureDataDiskCachingReadWrite)...)
	errs = append(errs, oneOfPtr(p.Child("kind"), s.Kind, corev1.AzureDedicatedBlobDisk, corev1.AzureManagedDisk, corev1.AzureSharedBlobDisk)...)
	managed := s.Kind != nil && *s.Kind == corev1.AzureManagedDisk
	switch {
	case managed && !strings.HasPrefix(s.DataDiskURI, "/subscriptions/"):
		errs = append(errs, field.NotSupported(p.Child("diskURI"), s.DataDiskURI, azureManagedURI))
	case !managed && !strings.HasPrefix(s.DataDiskURI, "https://"):
		errs = append(errs, field.NotSupported(p.Child("diskURI"), s.DataDiskURI, azureBlobURI))
	}
	return errs
}

// flexOptions keeps options that the kubelet passes by itself from being set.
func flexOptions(p *field.Path, options map[string]string) (errs field.ErrorList) {
	for _, key := range sortedKeys(options) {
		domain, _, _ := strings.Cut(strings.ToLower(key), "/")
		if slices.ContainsFunc([]string{".kubernetes.io", ".k8s.io"}, func(reserved string) bool { return strings.HasSuffix("."+domain, reserved) }) {
			errs = append(errs, field.Invalid(p.Key(key), key, "kubernetes.io and k8s.io namespaces are reserved"))
		}
	}
	return errs
}
