// Package extendedresourcetoleration lets pods that ask for an extended resource, such as a GPU, onto
// the nodes that are kept for them by a taint of the resource's name.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#extendedresourcetoleration
package extendedresourcetoleration

import (
	"context"
	"io"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/request"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "ExtendedResourceToleration"

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin adds tolerations to pods.
type Plugin struct{ *admission.Handler }

var _ admission.MutationInterface = &Plugin{}

// New returns the plugin; it needs nothing.
func New() *Plugin { return &Plugin{admission.NewHandler(admission.Create, admission.Update)} }

// Admit adds one toleration for each extended resource, sorted by name.
func (*Plugin) Admit(_ context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.Is(a, corev1.Resource("pods")) {
		return nil
	}
	pod, err := request.Object[*corev1.Pod](a)
	if err != nil {
		return err
	}
	asked := map[string]bool{}
	for _, c := range slices.Concat(pod.Spec.InitContainers, pod.Spec.Containers) {
		for name := range c.Resources.Requests {
			if extended(string(name)) {
				asked[string(name)] = true
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(asked)) {
		t := corev1.Toleration{Key: name, Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}
		if !slices.ContainsFunc(pod.Spec.Tolerations, func(have corev1.Toleration) bool { return have.MatchToleration(&t) }) {
			pod.Spec.Tolerations = append(pod.Spec.Tolerations, t)
		}
	}
	return nil
}

// extended resources have a domain that is not Kubernetes' own.
func extended(name string) bool {
	domain, _, qualified := strings.Cut(name, "/")
	return qualified && domain != "kubernetes.io" && !strings.HasSuffix(domain, ".kubernetes.io") && !strings.HasPrefix(name, "requests.")
}
