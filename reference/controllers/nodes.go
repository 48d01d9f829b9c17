package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
	"github.com/etalon-dev/etalon/reference/controllers/tainteviction"
)

// nodes are the controllers that look after nodes and the pods on them.
var nodes = []registration{
	{"node-lifecycle-controller", 4, func(e *env) runner {
		return nodelifecycle.New(e.client, e.shared, e.events(nodelifecycle.Name), e.NodeMonitorGracePeriod)
	}},
	{"taint-eviction-controller", 8, func(e *env) runner {
		return tainteviction.New(e.client, e.shared, e.events(tainteviction.Name))
	}},
	{"pod-garbage-collector-controller", 1, func(e *env) runner {
		return podgc.New(e.client, e.shared, e.TerminatedPodGCThreshold, podgc.DefaultQuarantine)
	}},
}

// nodesRules is what they write.
var nodesRules = []rbacv1.PolicyRule{
	allow("", "pods/status", "update"),
	allow("", "nodes/status", "update"),
}
