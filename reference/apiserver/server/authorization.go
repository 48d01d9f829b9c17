package server

import (
	"net/http"

	"k8s.io/apiserver/pkg/authentication/user"
	"k8s.io/apiserver/pkg/authorization/authorizerfactory"
	"k8s.io/apiserver/pkg/authorization/union"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/server/healthz"
	"k8s.io/client-go/informers"

	"github.com/etalon-dev/etalon/reference/auth/rbac"
)

// applyAuthorization allows the group system:masters everything and everyone else what RBAC grants.
// The server is not ready before it knows every role and binding.
func applyAuthorization(cfg *genericapiserver.Config, shared informers.SharedInformerFactory) (*rbac.Authorizer, error) {
	roles, err := rbac.New(shared.Rbac().V1())
	if err != nil {
		return nil, err
	}
	cfg.Authorization.Authorizer, err = union.New(
		union.NamedAuthorizer{AuthorizerName: "SystemMasters", Authorizer: authorizerfactory.NewPrivilegedGroups(user.SystemPrivilegedGroup)},
		union.NamedAuthorizer{AuthorizerName: "RBAC", Authorizer: roles},
	)
	if err != nil {
		return nil, err
	}
	cfg.RuleResolver = roles
	cfg.AddReadyzChecks(healthz.NamedCheck("rbac-synced", func(*http.Request) error {
		if !roles.HasSynced() {
			return errRBACNotSynced
		}
		return nil
	}))
	return roles, nil
}
