// Package clustertrustbundleattest lets only those write a signer's trust bundles who may attest for it.
//
// https://kubernetes.io/docs/reference/access-authn-authz/certificate-signing-requests/#cluster-trust-bundles
package clustertrustbundleattest

import (
	"context"
	"fmt"
	"io"

	certificatesv1 "k8s.io/api/certificates/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/etalon-dev/etalon/reference/admission/request"
	"github.com/etalon-dev/etalon/reference/admission/signers"
)

// PluginName is the plugin's name in flags and metrics.
const PluginName = "ClusterTrustBundleAttest"

var bundles = schema.GroupResource{Group: certificatesv1.GroupName, Resource: "clustertrustbundles"}

// Register adds the plugin.
func Register(plugins *admission.Plugins) {
	plugins.Register(PluginName, func(io.Reader) (admission.Interface, error) { return New(), nil })
}

// Plugin judges who writes ClusterTrustBundles of a signer. Those of no signer are for RBAC alone.
type Plugin struct {
	*signers.Guard
}

var _ admission.ValidationInterface = &Plugin{}

// New returns the plugin; the initializers give it the authorizer.
func New() *Plugin { return &Plugin{signers.NewGuard(PluginName, admission.Create, admission.Update)} }

// Validate asks for leave to attest. Updates that change nothing, or only metadata, need none: the
// garbage collector makes them.
func (p *Plugin) Validate(ctx context.Context, a admission.Attributes, _ admission.ObjectInterfaces) error {
	if !request.Is(a, bundles) {
		return nil
	}
	bundle, err := request.Object[*certificatesv1.ClusterTrustBundle](a)
	if err != nil {
		return err
	}
	if a.GetOperation() == admission.Update {
		old, err := request.Old[*certificatesv1.ClusterTrustBundle](a)
		if err != nil || equality.Semantic.DeepEqual(old.Spec, bundle.Spec) {
			return err
		}
	}
	signer := bundle.Spec.SignerName
	if signer != "" && !p.Allowed(ctx, a, "attest", signer) {
		return admission.NewForbidden(a, fmt.Errorf("user not permitted to attest for signerName %q", signer))
	}
	return nil
}
