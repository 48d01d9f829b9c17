// Package certificateapproval lets only those approve certificate requests whom the signer's name permits it.
//
// https://kubernetes.io/docs/reference/access-authn-authz/admission-controllers/#certificateapproval
package certificateapproval

import (
	"context"
	"fmt"
	"io"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/request"
	"github.com/etalon-dev/etalon/reference/admission/signers"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "CertificateApproval"

var requests = schema.GroupResource{Group: certificatesv1.GroupName, Resource: "certificatesigningrequests"}

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin judges who writes to certificatesigningrequests/approval.
type Plugin struct {
	*signers.Guard
}

var _ admission.ValidationInterface = &Plugin{}

// New returns the plugin; the initializers give it the authorizer.
func New() *Plugin { return &Plugin{signers.NewGuard(PluginName, admission.Update)} }

// Validate asks about the signer that the request had before, so that none can be talked into another.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.IsSub(a, requests, "approval") {
		return nil
	}
	old, err := request.Old[*certificatesv1.CertificateSigningRequest](a)
	if err != nil {
		return err
	}
	if !p.Allowed(ctx, a, "approve", old.Spec.SignerName) {
		return admission.NewForbidden(a, fmt.Errorf("user not permitted to approve requests with signerName %q", old.Spec.SignerName))
	}
	return nil
}
