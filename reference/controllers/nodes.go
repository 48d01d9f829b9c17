package controllers

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/etalon-dev/etalon/reference/controllers/nodeipam"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
	"github.com/etalon-dev/etalon/reference/controllers/nodettl"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
	"github.com/etalon-dev/etalon/reference/controllers/tainteviction"
)

// nodes are the controllers that look after nodes and the pods on them. Those that
// only a cloud has use for, node-route-controller and
// cloud-node-lifecycle-controller, are the cloud's own to run.
var nodes = []registration{
	{"node-lifecycle-controller", 4, func(e *env) runner {
		return nodelifecycle.New(e.client, e.shared, e.events(nodelifecycle.Name), e.NodeLifecycle)
	}},
	{"taint-eviction-controller", 8, func(e *env) runner {
		return tainteviction.New(e.client, e.shared, e.events(tainteviction.Name))
	}},
	{"pod-garbage-collector-controller", 1, func(e *env) runner {
		return podgc.New(e.client, e.shared, e.TerminatedPodGCThreshold, podgc.DefaultQuarantine)
	}},
	{nodettl.Name, 2, func(e *env) runner { return nodettl.New(e.client, e.shared) }},
	{nodeipam.Name, 4, func(e *env) runner {
		if !e.NodeIPAM.Allocate {
			return nil
		}
		return nodeipam.New(e.client, e.shared, e.events(nodeipam.Component), e.NodeIPAM)
	}},
}

// nodesRules is what they write.
var nodesRules = []rbacv1.PolicyRule{
	allow("", "pods/status", "update"),
	allow("", "nodes/status", "update"),
}
