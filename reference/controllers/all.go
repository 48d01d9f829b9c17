package controllers

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/tools/record"

	"github.com/etalon-dev/etalon/reference/controllers/certificates"
	"github.com/etalon-dev/etalon/reference/controllers/clusterroleaggregation"
	"github.com/etalon-dev/etalon/reference/controllers/deployment"
	"github.com/etalon-dev/etalon/reference/controllers/endpoints"
	"github.com/etalon-dev/etalon/reference/controllers/endpointslice"
	"github.com/etalon-dev/etalon/reference/controllers/garbagecollector"
	"github.com/etalon-dev/etalon/reference/controllers/legacytokencleaner"
	"github.com/etalon-dev/etalon/reference/controllers/namespace"
	"github.com/etalon-dev/etalon/reference/controllers/nodelifecycle"
	"github.com/etalon-dev/etalon/reference/controllers/podgc"
	"github.com/etalon-dev/etalon/reference/controllers/replicaset"
	"github.com/etalon-dev/etalon/reference/controllers/replication"
	"github.com/etalon-dev/etalon/reference/controllers/resourcequota"
	"github.com/etalon-dev/etalon/reference/controllers/rootca"
	"github.com/etalon-dev/etalon/reference/controllers/serviceaccount"
	"github.com/etalon-dev/etalon/reference/controllers/serviceaccounttoken"
	"github.com/etalon-dev/etalon/reference/controllers/servicecidrs"
	"github.com/etalon-dev/etalon/reference/controllers/storageprotection"
	"github.com/etalon-dev/etalon/reference/controllers/tainteviction"
	"github.com/etalon-dev/etalon/reference/controllers/validatingadmissionpolicystatus"
)

// runner is what every controller is.
type runner interface {
	Run(ctx context.Context, workers int)
}

// env is what controllers are made from.
type env struct {
	Options
	client      kubernetes.Interface
	metadata    metadata.Interface
	discovery   discovery.DiscoveryInterface
	shared      informers.SharedInformerFactory
	broadcaster record.EventBroadcaster
}

// events returns a recorder that speaks in the name of the component.
func (e *env) events(component string) record.EventRecorder {
	return e.broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: component})
}

const rootCAName = "root-ca-certificate-publisher-controller"

// registered are all controllers by the names that --controllers knows them by.
// build returns nil where what it needs was not given: such a controller does not run.
// Workers say how many keys each works on at once; those whose reconciliation is
// mostly waiting for the API server have more.
var registered = []struct {
	name    string
	workers int
	build   func(e *env) runner
}{
	{"namespace-controller", 10, func(e *env) runner { return namespace.New(e.client, e.metadata, e.discovery, e.shared) }},
	{"serviceaccount-controller", 2, func(e *env) runner { return serviceaccount.New(e.client, e.shared) }},
	{serviceaccounttoken.Name, 2, func(e *env) runner {
		if e.legacyIssuer == nil {
			return nil
		}
		return serviceaccounttoken.New(e.client, e.shared, e.legacyIssuer, e.RootCA)
	}},
	{legacytokencleaner.Name, 1, func(e *env) runner { return legacytokencleaner.New(e.client, legacytokencleaner.DefaultPeriod) }},
	{certificates.SigningName, 1, func(e *env) runner {
		if e.ClusterSigning == nil {
			return nil
		}
		return certificates.NewSigning(e.client, e.shared, e.ClusterSigning)
	}},
	{certificates.ApprovingName, 1, func(e *env) runner { return certificates.NewApproving(e.client, e.shared) }},
	{certificates.CleanerName, 1, func(e *env) runner { return certificates.NewCleaner(e.client, e.shared) }},
	{rootCAName, 2, func(e *env) runner { return rootca.New(e.client, e.shared, e.RootCA) }},
	{clusterroleaggregation.Name, 2, func(e *env) runner { return clusterroleaggregation.New(e.client, e.shared) }},
	{"replicaset-controller", 5, func(e *env) runner {
		return replicaset.New(e.client, e.shared, e.events(replicaset.Name))
	}},
	{"replicationcontroller-controller", 5, func(e *env) runner {
		return replication.New(e.client, e.shared, e.events(replication.Name))
	}},
	{"deployment-controller", 5, func(e *env) runner {
		return deployment.New(e.client, e.shared, e.events(deployment.Name))
	}},
	{"endpointslice-controller", 5, func(e *env) runner {
		return endpointslice.New(e.client, e.shared, e.events(endpointslice.Name))
	}},
	{"endpoints-controller", 5, func(e *env) runner {
		return endpoints.New(e.client, e.shared, e.events(endpoints.Name))
	}},
	{"garbage-collector-controller", 20, func(e *env) runner {
		return garbagecollector.New(e.metadata, e.discovery, e.events(garbagecollector.Name))
	}},
	{"node-lifecycle-controller", 4, func(e *env) runner {
		return nodelifecycle.New(e.client, e.shared, e.events(nodelifecycle.Name), e.NodeMonitorGracePeriod)
	}},
	{"taint-eviction-controller", 8, func(e *env) runner {
		return tainteviction.New(e.client, e.shared, e.events(tainteviction.Name))
	}},
	{"resourcequota-controller", 5, func(e *env) runner {
		return resourcequota.New(e.client, e.metadata, e.discovery, e.shared)
	}},
	{servicecidrs.Name, 2, func(e *env) runner { return servicecidrs.New(e.client, e.shared) }},
	{"pod-garbage-collector-controller", 1, func(e *env) runner {
		return podgc.New(e.client, e.shared, e.TerminatedPodGCThreshold, podgc.DefaultQuarantine)
	}},
	{validatingadmissionpolicystatus.Name, 1, func(e *env) runner {
		return validatingadmissionpolicystatus.New(e.client, e.shared, validatingadmissionpolicystatus.NewChecker(e.discovery))
	}},
	{storageprotection.ClaimsName, 2, func(e *env) runner { return storageprotection.Claims(e.client, e.shared) }},
	{storageprotection.VolumesName, 1, func(e *env) runner { return storageprotection.Volumes(e.client, e.shared) }},
	{storageprotection.ClassesName, 1, func(e *env) runner { return storageprotection.Classes(e.client, e.shared) }},
}

// Names returns the names of all controllers.
func Names() []string {
	names := make([]string, 0, len(registered))
	for _, controller := range registered {
		names = append(names, controller.name)
	}
	return names
}
