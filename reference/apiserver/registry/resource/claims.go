// Package resource declares the resources of the resource.k8s.io group, v1: dynamic resource allocation.
package resource

import (
	"strings"

	resourcev1 "k8s.io/api/resource/v1"

	"github.com/etalon-dev/etalon/reference/apiserver/registry/generic"
	"github.com/etalon-dev/etalon/reference/apiserver/validation"
)

// ResourceClaims is the resourceclaims resource. What is claimed never changes; the scheduler, drivers and the claim
// controller write the status.
var ResourceClaims = generic.Resource[*resourcev1.ResourceClaim]{
	GV: resourcev1.SchemeGroupVersion, Plural: "resourceclaims", Singular: "resourceclaim",
	Object: &resourcev1.ResourceClaim{}, List: &resourcev1.ResourceClaimList{},
	Spec:            func(c *resourcev1.ResourceClaim) any { return &c.Spec },
	Status:          func(c *resourcev1.ResourceClaim) any { return &c.Status },
	StatusKeepsMeta: true,
	Validate:        validation.ResourceClaim,
	ValidateUpdate:  validation.ResourceClaimUpdate,
	ValidateStatus:  validation.ResourceClaimStatusUpdate,
	ReturnDeleted:   true,
	Columns: []generic.Column[*resourcev1.ResourceClaim]{
		generic.Name[*resourcev1.ResourceClaim](),
		{Name: "State", Doc: "A summary of the current state (allocated, pending, reserved, etc.).", Cell: func(c *resourcev1.ResourceClaim) any { return claimState(c) }},
		generic.Age[*resourcev1.ResourceClaim](),
	},
}

func claimState(c *resourcev1.ResourceClaim) string {
	var states []string
	deleted := c.DeletionTimestamp != nil
	if deleted {
		states = append(states, "deleted")
	}
	switch {
	case c.Status.Allocation != nil:
		states = append(states, "allocated")
		if len(c.Status.ReservedFor) > 0 {
			states = append(states, "reserved")
		}
	case !deleted:
		states = append(states, "pending")
	}
	return strings.Join(states, ",")
}

// ResourceClaimTemplates is the resourceclaimtemplates resource.
var ResourceClaimTemplates = generic.Resource[*resourcev1.ResourceClaimTemplate]{
	GV: resourcev1.SchemeGroupVersion, Plural: "resourceclaimtemplates", Singular: "resourceclaimtemplate",
	Object: &resourcev1.ResourceClaimTemplate{}, List: &resourcev1.ResourceClaimTemplateList{},
	Validate:       validation.ResourceClaimTemplate,
	ValidateUpdate: validation.ResourceClaimTemplateUpdate,
	ReturnDeleted:  true,
	Columns: []generic.Column[*resourcev1.ResourceClaimTemplate]{
		generic.Name[*resourcev1.ResourceClaimTemplate](),
		generic.Age[*resourcev1.ResourceClaimTemplate](),
	},
}
