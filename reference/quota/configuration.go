package quota

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	resourcev1 "k8s.io/api/resource/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	quota "k8s.io/apiserver/pkg/quota/v1"
	"k8s.io/apiserver/pkg/quota/v1/generic"
)

// counted are the resources whose number a quota may also limit by their plain name; every other
// resource, custom ones included, is counted as count/<resource>.<group>.
var counted = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("configmaps"),
	corev1.SchemeGroupVersion.WithResource("resourcequotas"),
	corev1.SchemeGroupVersion.WithResource("replicationcontrollers"),
	corev1.SchemeGroupVersion.WithResource("secrets"),
}

// Measured are the resources of which a quota limits more than the number. To say what they use,
// their objects have to be seen in full.
var Measured = []schema.GroupVersionResource{
	corev1.SchemeGroupVersion.WithResource("pods"),
	corev1.SchemeGroupVersion.WithResource("services"),
	corev1.SchemeGroupVersion.WithResource("persistentvolumeclaims"),
	resourcev1.SchemeGroupVersion.WithResource("resourceclaims"),
}

// ignored are not subject to quota: they are either not stored or come and go by themselves.
func ignored() map[schema.GroupResource]struct{} {
	none := map[schema.GroupResource]struct{}{}
	for group, resources := range map[string][]string{
		"":                      {"bindings", "componentstatuses", "events"},
		"events.k8s.io":         {"events"},
		"authentication.k8s.io": {"tokenreviews", "selfsubjectreviews"},
		"authorization.k8s.io":  {"localsubjectaccessreviews", "selfsubjectaccessreviews", "selfsubjectrulesreviews", "subjectaccessreviews"},
	} {
		for _, resource := range resources {
			none[schema.GroupResource{Group: group, Resource: resource}] = struct{}{}
		}
	}
	return none
}

// Configuration returns the evaluators and the ignored resources. With a nil lister they judge single
// objects only. The time decides which pods should be gone by now.
func Configuration(lister quota.ListerForResourceFunc, now func() time.Time) quota.Configuration {
	list := func(gvr schema.GroupVersionResource) generic.ListFuncByNamespace {
		if lister == nil {
			return nil
		}
		return generic.ListResourceUsingListerFunc(lister, gvr)
	}
	evaluators := []quota.Evaluator{
		pods(list(Measured[0]), now), services(list(Measured[1])), claims(list(Measured[2])), deviceClaims(list(Measured[3])),
	}
	for _, gvr := range counted {
		evaluators = append(evaluators, generic.NewObjectCountEvaluator(gvr.GroupResource(), list(gvr), corev1.ResourceName(gvr.Resource)))
	}
	return generic.NewConfiguration(evaluators, ignored())
}

// Counter returns the evaluator of a resource that quota only counts.
func Counter(gvr schema.GroupVersionResource, lister quota.ListerForResourceFunc) quota.Evaluator {
	return generic.NewObjectCountEvaluator(gvr.GroupResource(), generic.ListResourceUsingListerFunc(lister, gvr), "")
}
