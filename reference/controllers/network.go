package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/controllers/endpoints"
	"github.com/etalon-dev/etalon/reference/controllers/endpointslice"
	"github.com/etalon-dev/etalon/reference/controllers/endpointslicemirroring"
	"github.com/etalon-dev/etalon/reference/controllers/servicecidrs"
	"github.com/etalon-dev/etalon/reference/controllers/servicelb"
)

// network are the controllers that tell where Services lead.
var network = []registration{
	{"endpointslice-controller", 5, func(e *env) runner {
		return endpointslice.New(e.client, e.shared, e.events(endpointslice.Name))
	}},
	{"endpointslice-mirroring-controller", 5, func(e *env) runner {
		return endpointslicemirroring.New(e.client, e.shared, e.events(endpointslicemirroring.Name))
	}},
	{"endpoints-controller", 5, func(e *env) runner {
		return endpoints.New(e.client, e.shared, e.events(endpoints.Name))
	}},
	{"service-lb-controller", 5, func(e *env) runner {
		if e.LoadBalancer == nil {
			return nil
		}
		return servicelb.New(e.client, e.shared, e.LoadBalancer, e.events(servicelb.Name))
	}},
	{servicecidrs.Name, 2, func(e *env) runner { return servicecidrs.New(e.client, e.shared) }},
}

// networkRules is what they write.
var networkRules = []rbacv1.PolicyRule{
	allow("", "services/finalizers", "update"),
	allow("", "services", "update"),
	allow("", "services/status", "update"),
	allow("", "endpoints", "create"),
	allow("", "endpoints/restricted", "create"),
	allow("discovery.k8s.io", "endpointslices", "create"),
	allow("networking.k8s.io", "servicecidrs/status", "update"),
}
