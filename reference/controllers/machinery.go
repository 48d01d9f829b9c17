package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensions "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"

	"github.com/etalon-dev/etalon/reference/controllers/garbagecollector"
	"github.com/etalon-dev/etalon/reference/controllers/namespace"
	"github.com/etalon-dev/etalon/reference/controllers/resourcequota"
	"github.com/etalon-dev/etalon/reference/controllers/storageversionmigrator"
	"github.com/etalon-dev/etalon/reference/controllers/validatingadmissionpolicystatus"
)

// machinery are the controllers that serve objects of every kind.
var machinery = []registration{
	{"namespace-controller", 10, func(e *env) runner { return namespace.New(e.client, e.metadata, e.discovery, e.shared) }},
	{"garbage-collector-controller", 20, func(e *env) runner {
		return garbagecollector.New(e.metadata, e.discovery, e.events(garbagecollector.Name))
	}},
	{"resourcequota-controller", 5, func(e *env) runner {
		return resourcequota.New(e.client, e.metadata, e.discovery, e.shared)
	}},
	{validatingadmissionpolicystatus.Name, 1, func(e *env) runner {
		return validatingadmissionpolicystatus.New(e.client, e.shared, validatingadmissionpolicystatus.NewChecker(e.discovery))
	}},
	{storageversionmigrator.Name, 1, func(e *env) runner {
		return storageversionmigrator.New(e.client, apiextensions.NewForConfigOrDie(e.config), e.metadata, e.discovery, e.shared)
	}},
}

// machineryRules is what they write.
var machineryRules = []rbacv1.PolicyRule{
	// The garbage collector and the namespace controller deal with every kind.
	allow("*", "*", "get", "list", "watch", "patch", "update", "delete", "deletecollection"),
	{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*"}},
	allow("", "namespaces/status", "update"),
	allow("", "namespaces/finalize", "update"),
	allow("", "resourcequotas/status", "update"),
	allow("storagemigration.k8s.io", "storageversionmigrations/status", "update"),
	allow("apiextensions.k8s.io", "customresourcedefinitions/status", "patch"),
	allow("", "events", "create", "patch", "update"),
	allow("events.k8s.io", "events", "create", "patch", "update"),
	allow("coordination.k8s.io", "leases", "create", "get", "update"),
}
