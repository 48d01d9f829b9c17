package signers

import (
	"context"
	"fmt"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authorization/authorizer"
)

// Guard is what the plugins that ask for leave to act for a signer have in common.
type Guard struct {
	*admission.Handler
	plugin string
	authz  authorizer.Authorizer
}

var _ initializer.WantsAuthorizer = &Guard{}

// NewGuard makes the guard of a plugin for the operations; an initializer gives it the authorizer.
func NewGuard(plugin string, operations ...admission.Operation) *Guard {
	return &Guard{Handler: admission.NewHandler(operations...), plugin: plugin}
}

// SetAuthorizer implements initializer.WantsAuthorizer.
func (g *Guard) SetAuthorizer(authz authorizer.Authorizer) { g.authz = authz }

// ValidateInitialization tells what was not given.
func (g *Guard) ValidateInitialization() error {
	if g.authz == nil {
		return fmt.Errorf("%s plugin needs an authorizer", g.plugin)
	}
	return nil
}

// Allowed tells whether the user of the request has the verb on the signer.
func (g *Guard) Allowed(ctx context.Context, a admission.Attributes, verb, signer string) bool {
	return Allowed(ctx, g.authz, a.GetUserInfo(), verb, signer)
}
