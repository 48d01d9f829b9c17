package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/controllers/attachdetach"
	"github.com/etalon-dev/etalon/reference/controllers/devicetainteviction"
	"github.com/etalon-dev/etalon/reference/controllers/ephemeralvolume"
	"github.com/etalon-dev/etalon/reference/controllers/persistentvolume"
	"github.com/etalon-dev/etalon/reference/controllers/resourceclaim"
	"github.com/etalon-dev/etalon/reference/controllers/storageprotection"
	"github.com/etalon-dev/etalon/reference/controllers/volumeexpand"
)

// storage are the controllers that look after volumes and the claims to them.
var storage = []registration{
	{persistentvolume.Name, 5, func(e *env) runner {
		return persistentvolume.New(e.client, e.shared, e.events(persistentvolume.Component), e.Provisioners)
	}},
	{attachdetach.Name, 10, func(e *env) runner {
		return attachdetach.New(e.client, e.shared, e.events(attachdetach.Component), e.AttachDetach)
	}},
	{volumeexpand.Name, 1, func(e *env) runner {
		return volumeexpand.New(e.client, e.shared, e.events(volumeexpand.Component), expanders(e.Provisioners))
	}},
	{ephemeralvolume.Name, 5, func(e *env) runner {
		return ephemeralvolume.New(e.client, e.shared, e.events(ephemeralvolume.Component))
	}},
	{resourceclaim.Name, 10, func(e *env) runner { return resourceclaim.New(e.client, e.shared, e.events(resourceclaim.Component)) }},
	{devicetainteviction.Name, 10, func(e *env) runner {
		return devicetainteviction.New(e.client, e.shared, e.events(devicetainteviction.Name))
	}},
	{storageprotection.ClaimsName, 2, func(e *env) runner { return storageprotection.Claims(e.client, e.shared) }},
	{storageprotection.VolumesName, 1, func(e *env) runner { return storageprotection.Volumes(e.client, e.shared) }},
	{storageprotection.ClassesName, 1, func(e *env) runner { return storageprotection.Classes(e.client, e.shared) }},
}

// expanders are the provisioners that make volumes larger, too.
func expanders(all map[string]persistentvolume.Provisioner) map[string]volumeexpand.Expander {
	out := map[string]volumeexpand.Expander{}
	for name, p := range all {
		if e, ok := p.(volumeexpand.Expander); ok {
			out[name] = e
		}
	}
	return out
}

// storageRules is what they write.
var storageRules = []rbacv1.PolicyRule{
	allow("", "persistentvolumes", "create", "patch"),
	allow("", "persistentvolumes/status", "update"),
	allow("", "persistentvolumeclaims", "create"),
	allow("", "persistentvolumeclaims/status", "patch", "update"),
	allow("", "nodes/status", "patch"),
	allow("storage.k8s.io", "volumeattachments", "create", "delete"),
	allow("", "pods/status", "patch", "update"),
	allow("", "pods", "delete"),
	allow("resource.k8s.io", "devicetaintrules/status", "update"),
	allow("resource.k8s.io", "resourceclaims", "create", "delete", "update"),
	allow("resource.k8s.io", "resourceclaims/status", "update"),
	allow("resource.k8s.io", "resourceclaims/binding", "update"),
}
