package node

import (
	"context"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/selection"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

type groupResource struct{ group, resource string }

// request is what a node asks. The checks return why not, "" to allow.
type request struct {
	context.Context
	z    *Authorizer
	node string
	authorizer.Attributes
}

// narrowed are the resources of which a node may not have all that the role system:node says.
var narrowed = map[groupResource]func(request) string{
	{"", "secrets"}:                                   func(r request) string { return r.read(secret) },
	{"", "configmaps"}:                                func(r request) string { return r.read(configMap) },
	{"", "persistentvolumeclaims"}:                    request.claims,
	{"", "persistentvolumes"}:                         func(r request) string { return r.get(volume) },
	{"", "serviceaccounts"}:                           request.accounts,
	{"", "nodes"}:                                     request.nodes,
	{"", "pods"}:                                      request.pods,
	{"storage.k8s.io", "volumeattachments"}:           func(r request) string { return r.get(attachment) },
	{"storage.k8s.io", "csinodes"}:                    request.csiNodes,
	{"coordination.k8s.io", "leases"}:                 request.leases,
	{"resource.k8s.io", "resourceclaims"}:             func(r request) string { return r.get(resourceClaim) },
	{"resource.k8s.io", "resourceslices"}:             request.slices,
	{"certificates.k8s.io", "podcertificaterequests"}: request.podCertificates,
}

func (r request) verb(verbs ...string) bool { return slices.Contains(verbs, r.GetVerb()) }

func (r request) belongs(k kind) string {
	if r.GetName() == "" {
		return "No Object name found"
	}
	if !r.z.objects.belongs(r.node, k, r.GetNamespace(), r.GetName()) {
		return r.unrelated()
	}
	return ""
}

func (r request) unrelated() string {
	return fmt.Sprintf("no relationship found between node '%s' and this object", r.node)
}

// read: single objects, got or watched by name.
func (r request) read(k kind) string {
	switch {
	case !r.verb("get", "list", "watch"):
		return "can only read resources of this type"
	case r.GetSubresource() != "":
		return "cannot read subresource"
	case r.GetNamespace() == "":
		return "can only read namespaced object of this type"
	}
	return r.belongs(k)
}

func (r request) get(k kind) string {
	if !r.verb("get") || r.GetSubresource() != "" {
		return "can only get individual resources of this type"
	}
	return r.belongs(k)
}

func (r request) claims() string {
	if r.GetSubresource() == "" {
		return r.get(claim)
	}
	switch {
	case !r.verb("get", "update", "patch"):
		return "can only get/update/patch this type"
	case r.GetSubresource() != "status":
		return "can only update status subresource"
	}
	return r.belongs(claim)
}

func (r request) accounts() string {
	switch {
	case r.GetSubresource() == "":
		return r.get(account)
	case !r.verb("create") || r.GetName() == "":
		return "can only create tokens for individual service accounts"
	case r.GetSubresource() != "token":
		return "can only create token subresource of serviceaccount"
	}
	return r.belongs(account)
}

// nodes: which Node a kubelet writes is for the admission plugin NodeRestriction to check, which sees
// the name of a new one.
func (r request) nodes() string {
	switch sub := r.GetSubresource(); {
	case sub == "" && r.verb("create", "update", "patch"), sub == "status" && r.verb("update", "patch"):
		return ""
	case sub == "" && r.verb("get", "list", "watch"):
		switch r.GetName() {
		case r.node:
			return ""
		case "":
			return fmt.Sprintf("node '%s' cannot read all nodes, only its own Node object", r.node)
		}
		return fmt.Sprintf("node '%s' cannot read '%s', only its own Node object", r.node, r.GetName())
	}
	return fmt.Sprintf("node '%s' cannot %s %s", r.node, r.GetVerb(), resourceOf(r))
}

// pods: NodeRestriction checks which pods a kubelet writes.
func (r request) pods() string {
	switch sub := r.GetSubresource(); {
	case sub == "" && r.verb("create", "delete"), sub == "status" && r.verb("update", "patch"), sub == "eviction" && r.verb("create"):
		return ""
	case sub == "" && r.verb("get"):
		return r.belongs(pod)
	case sub == "" && r.verb("list", "watch"):
		if r.selectsOwn() {
			return ""
		}
		return "can only list/watch pods with spec.nodeName field selector"
	}
	return fmt.Sprintf("node '%s' cannot %s %s", r.node, r.GetVerb(), resourceOf(r))
}

// selectsOwn: the field selector leaves only what is on the node.
func (r request) selectsOwn() bool {
	requirements, err := r.GetFieldSelector()
	if err != nil {
		return false
	}
	for _, q := range requirements {
		if q.Field == "spec.nodeName" && (q.Operator == selection.Equals || q.Operator == selection.DoubleEquals || q.Operator == selection.In) && q.Value == r.node {
			return true
		}
	}
	return false
}

func (r request) leases() string {
	switch {
	case !r.verb("get", "create", "update", "patch", "delete"):
		return "can only get, create, update, patch, or delete a node lease"
	case r.GetNamespace() != corev1.NamespaceNodeLease:
		return fmt.Sprintf("can only access leases in the %q system namespace", corev1.NamespaceNodeLease)
	case !r.verb("create") && r.GetName() != r.node:
		return "can only access node lease with the same name as the requesting node"
	}
	return ""
}

func (r request) csiNodes() string {
	switch {
	case r.GetSubresource() != "":
		return "cannot authorize CSINode subresources"
	case !r.verb("get", "create", "update", "patch", "delete"):
		return "can only get, create, update, patch, or delete a CSINode"
	case !r.verb("create") && r.GetName() != r.node:
		return "can only access CSINode with the same name as the requesting node"
	}
	return ""
}

func (r request) slices() string {
	switch {
	case r.GetSubresource() != "":
		return "cannot authorize ResourceSlice subresources"
	case r.verb("create"): // NodeRestriction checks spec.nodeName
		return ""
	case r.verb("get", "update", "patch", "delete"):
		return r.owned()
	case !r.verb("list", "watch", "deletecollection"):
		return "only the following verbs are allowed for a ResourceSlice: get, watch, list, create, update, patch, delete, deletecollection"
	case !r.selectsOwn():
		return "can only list/watch/deletecollection resourceslices with nodeName field selector"
	}
	return ""
}

func (r request) podCertificates() string {
	switch {
	case r.GetSubresource() != "":
		return "nodes may not access subresources of podcertificaterequests"
	case r.verb("create"): // NodeRestriction checks spec.nodeName
		return ""
	case r.verb("get"):
		return r.owned()
	case !r.verb("list", "watch"):
		return "nodes may only create, get, list and watch podcertificaterequests"
	case !r.selectsOwn():
		return "can only list/watch podcertificaterequests with nodeName field selector"
	}
	return ""
}

// owned: the object itself says which node it is for.
func (r request) owned() string {
	if r.GetName() == "" {
		return "No Object name found"
	}
	node, err := r.z.owner(r.Context, r.GetResource(), r.GetNamespace(), r.GetName())
	if err != nil || node != r.node {
		return r.unrelated()
	}
	return ""
}

func resourceOf(r request) string {
	if r.GetSubresource() != "" {
		return r.GetResource() + "/" + r.GetSubresource()
	}
	return r.GetResource()
}
