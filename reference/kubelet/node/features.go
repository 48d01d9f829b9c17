package node

import (
	"slices"
	"strings"

	v1 "k8s.io/api/core/v1"
	criv1 "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// handlers are what each handler of the runtime can do, by name (KEP-127, KEP-3857).
func handlers(s *criv1.StatusResponse) []v1.NodeRuntimeHandler {
	var out []v1.NodeRuntimeHandler
	for _, h := range s.GetRuntimeHandlers() {
		handler := v1.NodeRuntimeHandler{Name: h.GetName()}
		if f := h.GetFeatures(); f != nil {
			readOnly, users := f.GetRecursiveReadOnlyMounts(), f.GetUserNamespaces()
			handler.Features = &v1.NodeRuntimeHandlerFeatures{RecursiveReadOnlyMounts: &readOnly, UserNamespaces: &users}
		}
		out = append(out, handler)
	}
	slices.SortStableFunc(out, func(a, b v1.NodeRuntimeHandler) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// features are what the runtime can do whatever the handler (KEP-3619).
func features(s *criv1.StatusResponse) *v1.NodeFeatures {
	f := s.GetFeatures()
	if f == nil {
		return nil
	}
	policy := f.GetSupplementalGroupsPolicy()
	return &v1.NodeFeatures{SupplementalGroupsPolicy: &policy}
}
