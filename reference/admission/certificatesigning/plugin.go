// Package certificatesigning lets only those sign certificate requests whom the signer's name permits it.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificatesigning
package certificatesigning

import (
	"context"
	"fmt"
	"io"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/admission/initializer"
	"k8s.io/apiserver/pkg/authorization/authorizer"

	"github.com/etalon-dev/etalon/reference/admission/request"
	"github.com/etalon-dev/etalon/reference/admission/signers"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "CertificateSigning"

var requests = schema.GroupResource{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin judges who writes to certificatesigningrequests/status.
type Plugin struct {
	*admission.Handler
	authz authorizer.Authorizer
}

var (
	_ admission.ValidationInterface = &Plugin{}
	_ initializer.WantsAuthorizer   = &Plugin{}
)

// New returns the plugin; the initializers give it the authorizer.
func New() *Plugin { return &Plugin{Handler: admission.NewHandler(admission.Update)} }

func (p *Plugin) SetAuthorizer(authz authorizer.Authorizer) { p.authz = authz }

// ValidateInitialization tells what was not given.
func (p *Plugin) ValidateInitialization() error {
	if p.authz == nil {
		return fmt.Errorf("%s plugin needs an authorizer", PluginName)
	}
	return nil
}

// Validate asks about the signer that the request had before, so that none can be talked into another.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.IsSub(a, requests, "status") {
		return nil
	}
	old, err := request.Old[*certificatesv1.CertificateSigningRequest](a)
	if err != nil {
		return err
	}
	csr, err := request.Object[*certificatesv1.CertificateSigningRequest](a)
	if err != nil {
		return err
	}
	if equality.Semantic.DeepEqual(old.Status, csr.Status) {
		return nil // what is neither certificate nor condition is nobody else's business
	}
	if !signers.Allowed(ctx, p.authz, a.GetUserInfo(), "sign", old.Spec.SignerName) {
		return admission.NewForbidden(a, fmt.Errorf("user not permitted to sign requests with signerName %q", old.Spec.SignerName))
	}
	return nil
}
