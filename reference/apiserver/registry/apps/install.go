package apps

import (
	appsv1 "k8s.io/api/apps/v1"
	apigeneric "k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
)

// Install builds the resources of the apps group.
func Install(getter apigeneric.RESTOptionsGetter) (map[string]rest.Storage, error) {
	m := map[string]rest.Storage{}
	if err := generic.Install(m, getter, &Deployments, &ReplicaSets, &StatefulSets, &DaemonSets, &ControllerRevisions); err != nil {
		return nil, err
	}
	store := func(plural string) *generic.REST { return m[plural].(*generic.REST) }
	m["deployments/scale"] = generic.NewScale(store("deployments").Store, appsv1.SchemeGroupVersion, deploymentScale)
	m["replicasets/scale"] = generic.NewScale(store("replicasets").Store, appsv1.SchemeGroupVersion, replicaSetScale)
	m["statefulsets/scale"] = generic.NewScale(store("statefulsets").Store, appsv1.SchemeGroupVersion, statefulSetScale)
	return m, nil
}
