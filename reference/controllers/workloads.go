package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"
	utilruntime "k8s.io/apimachinery/pkg/util/runtime"

	"github.com/etalon-dev/etalon/reference/controllers/cronjob"
	"github.com/etalon-dev/etalon/reference/controllers/daemonset"
	"github.com/etalon-dev/etalon/reference/controllers/deployment"
	"github.com/etalon-dev/etalon/reference/controllers/disruption"
	"github.com/etalon-dev/etalon/reference/controllers/horizontalpodautoscaler"
	"github.com/etalon-dev/etalon/reference/controllers/job"
	"github.com/etalon-dev/etalon/reference/controllers/replicaset"
	"github.com/etalon-dev/etalon/reference/controllers/replication"
	"github.com/etalon-dev/etalon/reference/controllers/statefulset"
	"github.com/etalon-dev/etalon/reference/controllers/ttlafterfinished"
)

// workloads are the controllers that run pods.
var workloads = []registration{
	{horizontalpodautoscaler.Name, 5, func(e *env) runner {
		c, err := horizontalpodautoscaler.New(e.client, e.config, e.shared, e.events(horizontalpodautoscaler.Component), e.HorizontalPodAutoscaler)
		utilruntime.Must(err) // a config that other clients were made of is good for these too
		return c
	}},
	{"replicaset-controller", 5, func(e *env) runner {
		return replicaset.New(e.client, e.shared, e.events(replicaset.Name))
	}},
	{"replicationcontroller-controller", 5, func(e *env) runner {
		return replication.New(e.client, e.shared, e.events(replication.Name))
	}},
	{"deployment-controller", 5, func(e *env) runner {
		return deployment.New(e.client, e.shared, e.events(deployment.Name))
	}},
	{"statefulset-controller", 5, func(e *env) runner {
		return statefulset.New(e.client, e.shared, e.events(statefulset.Name))
	}},
	{"cronjob-controller", 5, func(e *env) runner {
		return cronjob.New(e.client, e.shared, e.events(cronjob.Name))
	}},
	{"disruption-controller", 5, func(e *env) runner {
		scales, err := disruption.NewScales(e.config, e.discovery)
		utilruntime.Must(err) // a config that other clients were made of is good for these too
		return disruption.New(e.client, e.shared, scales, e.events(disruption.Name))
	}},
	{ttlafterfinished.Name, 5, func(e *env) runner { return ttlafterfinished.New(e.client, e.shared) }},
	{"daemonset-controller", 2, func(e *env) runner {
		return daemonset.New(e.client, e.shared, e.events(daemonset.Name))
	}},
	{job.Name, 5, func(e *env) runner { return job.New(e.client, e.shared, e.events(job.Name)) }},
}

// workloadsRules is what they write.
var workloadsRules = []rbacv1.PolicyRule{
	allow("autoscaling", "horizontalpodautoscalers/status", "update"),
	allow("*", "*/scale", "get", "update"),
	allow("", "pods", "create"),
	allow("", "replicationcontrollers/status", "update"),
	allow("", "replicationcontrollers/finalizers", "update"),
	allow("apps", "replicasets/finalizers", "update"),
	allow("apps", "deployments/finalizers", "update"),
	allow("apps", "replicasets", "create"),
	allow("apps", "replicasets/status", "update"),
	allow("apps", "deployments/status", "update"),
	allow("batch", "jobs", "create"),
	allow("batch", "cronjobs/status", "update"),
	allow("batch", "cronjobs/finalizers", "update"),
	allow("apps", "daemonsets/finalizers", "update"),
	allow("apps", "daemonsets/status", "update"),
	allow("", "pods", "update"),
	allow("", "persistentvolumeclaims", "create", "update"),
	allow("apps", "controllerrevisions", "create"),
	allow("apps", "statefulsets/finalizers", "update"),
	allow("apps", "statefulsets/status", "update"),
	allow("batch", "jobs/status", "update"),
	allow("batch", "jobs/finalizers", "update"),
	allow("policy", "poddisruptionbudgets/status", "update"),
	allow("", "pods/status", "update"),
}
