package connect

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apiserver/pkg/authorization/authorizer"
	"k8s.io/apiserver/pkg/endpoints/handlers/responsewriters"
	"k8s.io/apiserver/pkg/endpoints/request"
)

// requireCreate makes sure that who may only read cannot run commands. A WebSocket begins with
// a GET, which the authorization filter took for "get pods/exec"; what it does is a create, and
// must be allowed as such too (AuthorizePodWebsocketUpgradeCreatePermission, on since v1.35).
func requireCreate(ctx context.Context, z authorizer.UnconditionalAuthorizer) error {
	info, ok := request.RequestInfoFrom(ctx)
	if !ok {
		return apierrors.NewInternalError(errors.New("no RequestInfo found in the context"))
	}
	if info.Verb == "create" {
		return nil // the filter asked exactly this
	}
	user, ok := request.UserFrom(ctx)
	if !ok {
		return apierrors.NewInternalError(errors.New("no user found in the context"))
	}
	a := authorizer.AttributesRecord{User: user, Verb: "create", ResourceRequest: true, Path: info.Path,
		APIGroup: info.APIGroup, APIVersion: info.APIVersion, Namespace: info.Namespace,
		Resource: info.Resource, Subresource: info.Subresource, Name: info.Name}
	decision, reason, err := z.Authorize(ctx, a)
	switch {
	case decision == authorizer.DecisionAllow:
		return nil
	case err != nil:
		return apierrors.NewInternalError(err)
	}
	return responsewriters.ForbiddenStatusError(a, reason)
}
